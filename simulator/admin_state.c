/* admin_state: pages of the admin listener: a help page, and the state of everything. */
#include "lib/util.h"
#include "simulator/admin_handlers.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"

#include <errno.h>

static const char help[] =
        "eqp-simulator: a stand-in for the EQP API. The shapes of its errors are guesses.\n"
        "\n"
        "GET    /                              this text\n"
        "GET    /state                         keys, counters, faults, settings and latest requests\n"
        "POST   /reset                         everything as at the start\n"
        "POST   /{env}/keys                    {\"id\",\"secret\"}: adds a key\n"
        "PUT    /{env}/keys                    [{\"id\",\"secret\"}...]: replaces all keys\n"
        "DELETE /{env}/keys/{id}               deletes a key\n"
        "POST   /{env}/keys/{id}/refuse        refuses the key from now on\n"
        "POST   /{env}/keys/{id}/accept        accepts it again\n"
        "POST   /{env}/keys/{id}/regenerate    {\"secret\"?}: a new secret, random if not given; tokens "
        "live on\n"
        "POST   /clock                         {\"forward\"}: lets so many seconds of tokens' lives pass\n"
        "GET    /{env}/tokens/{ust_sha256}     whether the token is active, and for how long\n"
        "POST   /{env}/tokens/revoke           {\"ust_sha256\"?}: ends one token, or all\n"
        "PUT    /{env}/settings                {\"lifetime_max\"?,\"lifetime_fixed\"?,\"latency_ms\"?,\n"
        "                                      \"scan_queued_ms\"?,\"scan_ms\"?,\"scan_result\"?}\n"
        "GET    /{env}/uploads                 the files, with their digests (MD5)\n"
        "PUT    /{env}/uploads/{id}            {\"malware_status\"}: queued, in-progress, pass, passed, "
        "fail\n"
        "GET    /{env}/packages                the packages, in short\n"
        "PUT    /{env}/packages/{id}           {\"overall\"?,\"technical\"?,\"marketing\"?}: how the "
        "reviews stand\n"
        "GET    /{env}/callbacks               messages for the account's callbacks\n"
        "POST   /{env}/faults                  {\"fault\",\"count\"?,\"paths\"?,...}: adds a fault\n"
        "DELETE /{env}/faults                  clears the faults\n"
        "\n"
        "Faults and their parameters (count: until cleared; paths: token, api or all; default token;\n"
        "key: acts on token requests with this application ID alone; method; path: its beginning; where\n"
        "a status is sent, early: before the body is read):\n"
        "  refuse             status (401 or 403), code, message, retry_after, retry_after_date\n"
        "  throttle           retry_after (number or text), retry_after_date (true)\n"
        "  unavailable        status (500 to 599), html (true), retry_after, retry_after_date\n"
        "  status             status (200 to 599), code, message, retry_after, retry_after_date\n"
        "  redirect           location\n"
        "  hang\n"
        "  delay              ms\n"
        "  drip               interval_ms (default 100), bytes (default 1)\n"
        "  slow_upload        interval_ms (default 100), bytes (default 1024)\n"
        "  cut                bytes of the body (default: all), politely (true)\n"
        "  truncate\n"
        "  reset\n"
        "  garbage\n"
        "  giant              bytes (default 10 MiB), chunked (true), status (200 to 599), retry_after\n"
        "  not_json\n"
        "  bad_utf8\n"
        "  wrong_types        token answers only, like the next five\n"
        "  missing_field      field\n"
        "  empty_field        field\n"
        "  lifetime           expires_in (any JSON value)\n"
        "  bad_ust            ust\n"
        "  account            mage_id\n"
        "  wrong_certificate  acts on connections, like the next two\n"
        "  reset_on_accept\n"
        "  refuse_connect     has no count\n";

int admin_get_help(struct admin_call *call, struct answer **ret)
{
        return answer_new_text(ret, 200, "text/plain; charset=utf-8", help);
}

static int add_keys(struct json_object *object, const struct keys *keys)
{
        struct json_object *list = json_object_new_array();
        int r;

        if (json_add(object, "keys", list) < 0) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < keys->count; i++) {
                struct json_object *key;

                r = admin_describe_key(&keys->list[i], &key);
                if (r < 0) {
                        return r;
                }
                if (json_append(list, key) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int add_counters(struct json_object *object, const struct environment_counters *counters)
{
        struct json_object *requests = json_object_new_object();

        if (json_add(object, "requests", requests) < 0 ||
            json_add_number(requests, "total", counters->total) < 0 ||
            json_add_number(requests, "token", counters->token) < 0 ||
            json_add_number(requests, "granted", counters->granted) < 0 ||
            json_add_number(requests, "refused", counters->refused) < 0 ||
            json_add_number(requests, "throttled", counters->throttled) < 0 ||
            json_add_number(requests, "failed", counters->failed) < 0 ||
            json_add_number(requests, "api", counters->api) < 0) {
                return -ENOMEM;
        }
        return 0;
}

static int add_faults(struct json_object *object, const struct faults *faults)
{
        struct json_object *list = json_object_new_array();
        const struct fault *fault;

        if (json_add(object, "faults", list) < 0) {
                return -ENOMEM;
        }
        TAILQ_FOREACH(fault, &faults->list, link)
        {
                struct json_object *description;

                if (fault_describe(fault, &description) < 0 || json_append(list, description) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int describe(const struct environment *environment, struct json_object *object)
{
        struct json_object *last;
        int r;

        r = add_keys(object, &environment->keys);
        if (r < 0) {
                return r;
        }
        r = history_list(&environment->history, &last);
        if (r < 0) {
                return r;
        }
        if (json_add(object, "last", last) < 0 || add_counters(object, &environment->counters) < 0 ||
            json_add_number(object, "connections", environment->connections) < 0 ||
            json_add_number(object, "tokens_active",
                            tokens_active(environment->tokens, moment_boottime_usec())) < 0 ||
            add_faults(object, &environment->faults) < 0 ||
            admin_describe_settings(&environment->settings, object) < 0) {
                return -ENOMEM;
        }
        return 0;
}

int admin_get_state(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *state = json_object_new_object();
        struct json_object *environments = json_object_new_object();
        int r;

        if (json_add(state, "environments", environments) < 0) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < call->admin->n_environments; i++) {
                const struct environment *environment = call->admin->environments[i];
                struct json_object *object = json_object_new_object();

                if (json_add(environments, environment->name, object) < 0) {
                        return -ENOMEM;
                }
                r = describe(environment, object);
                if (r < 0) {
                        return r;
                }
        }
        return answer_new_json(ret, 200, take_ptr(state));
}
