/* GET /v1/status and GET /readyz: the state of the environments in JSON. Names and times only; never a
 * token, an ID or a secret. */
#include "daemon/frontend/api/status_answer.h"

#include "daemon/base/clock.h"
#include "daemon/keeper/environment_log.h"
#include "lib/json_form.h"
#include "lib/util.h"

#include <stdio.h>
#include <unistd.h>

static void add_text(struct json_object *json, const char *key, const char *text)
{
        json_put(json, key, json_object_new_string(text));
}

/* What is not there is null. */
static void add_optional(struct json_object *json, const char *key, bool there, int64_t number)
{
        if (there) {
                json_put(json, key, json_object_new_int64(number));
        } else {
                json_put_null(json, key);
        }
}

static void add_number(struct json_object *json, const char *key, uint64_t number)
{
        json_put(json, key, json_object_new_int64((int64_t)number));
}

/* KEY_at in UTC; 0 or USEC_NEVER is null. */
static void add_moment(struct json_object *json, const char *key, uint64_t moment_usec)
{
        char text[CLOCK_TEXT_MAX];

        if (moment_usec == 0 || moment_usec == USEC_NEVER) {
                json_put_null(json, key);
        } else {
                add_text(json, key, clock_format_utc(moment_usec, text));
        }
}

static void add_ago(struct json_object *json, const char *key, uint64_t moment_usec, uint64_t now_usec)
{
        if (moment_usec == 0) {
                json_put_null(json, key);
        } else {
                add_number(json, key, usec_sub(now_usec, moment_usec) / USEC_PER_SEC);
        }
}

static void add_token(struct json_object *status, const struct environment *environment, uint64_t now_usec)
{
        const struct session *session = environment_session(environment, now_usec);

        if (!session) {
                json_put_null(status, "token");
                return;
        }
        struct json_object *json = json_object_new_object();
        add_text(json, "mage_id", session->mage_id);
        add_text(json, "key", session->key_label);
        add_number(json, "lifetime_sec", session->lifetime_sec);
        add_number(json, "expires_in", session_left_sec(session, now_usec));
        add_moment(json, "expires_at", session->expires_usec);
        add_moment(json, "obtained_at", session->sent_usec);
        add_ago(json, "obtained_ago_sec", session->sent_usec, now_usec);
        json_put(status, "token", json);
}

/* The key that the next exchange would use is the active one. */
static const char *key_state_name(const struct keyring *keyring, const struct key_state *key,
                                  bool kept_behind, uint64_t now_usec)
{
        if (key->refused) {
                return "refused";
        }
        if (kept_behind) {
                return "trial";
        }
        return keyring_choose(keyring, now_usec) == key ? "active" : "spare";
}

static struct json_object *describe_keys(const struct environment *environment, uint64_t now_usec)
{
        const struct keyring *keyring = &environment->refresh.keyring;
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->kept) {
                        continue; /* told of with the key that is to replace it */
                }
                bool kept_behind = i + 1 < keyring->n && keyring->keys[i + 1].kept;
                struct json_object *json = json_object_new_object();
                add_text(json, "label", key->label);
                add_number(json, "serial", key->serial);
                add_text(json, "state", key_state_name(keyring, key, kept_behind, now_usec));
                if (key->refused) {
                        add_number(json, "rest_sec",
                                   usec_sub(key->rest_until_usec, now_usec) / USEC_PER_SEC);
                }
                if (kept_behind) {
                        json_put(json, "kept_old", json_object_new_boolean(true));
                }
                json_append(list, json);
        }
        return list;
}

static struct json_object *describe_refused_files(const struct environment *environment)
{
        struct json_object *list = json_object_new_array();
        struct upstream_refusal refusal;

        for (size_t i = 0; upstream_refusal(environment->upstream, i, &refusal); i++) {
                if (streq(refusal.environment, environment->name) || !*refusal.environment) {
                        struct json_object *json = json_object_new_object();
                        add_text(json, "file", refusal.file);
                        add_text(json, "reason", refusal.reason);
                        json_append(list, json);
                }
        }
        return list;
}

static void add_trouble(struct json_object *status, const struct environment *environment, uint64_t now_usec)
{
        const struct environment_trouble *trouble = &environment->trouble;

        if (!trouble->any) {
                json_put_null(status, "last_trouble");
                return;
        }
        struct json_object *json = json_object_new_object();
        add_text(json, "outcome", exchange_outcome_name(trouble->outcome));
        add_text(json, "key", trouble->key_label);
        add_text(json, "message", trouble->why);
        add_moment(json, "at", trouble->at_usec);
        add_ago(json, "ago_sec", trouble->at_usec, now_usec);
        json_put(status, "last_trouble", json);
}

static struct json_object *describe_exchanges(const struct environment *environment, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();

        add_number(json, "last_hour", refresh_sent_last_hour(&environment->refresh, now_usec));
        add_number(json, "hourly_budget", REFRESH_HOURLY_BUDGET);
        add_number(json, "put_off", environment->n_limited);
        add_number(json, "total", environment->n_exchanges);
        for (int outcome = 0; outcome < _EXCHANGE_OUTCOME_COUNT; outcome++) {
                add_number(json, exchange_outcome_name((enum exchange_outcome)outcome),
                           environment->n_outcomes[outcome]);
        }
        return json;
}

static void add_odd_answer(struct json_object *status, const struct environment *environment)
{
        const struct environment_odd_answer *odd = &environment->odd_answer;

        if (!odd->any) {
                json_put_null(status, "last_unknown_answer");
                return;
        }
        struct json_object *json = json_object_new_object();
        add_number(json, "status", (uint64_t)odd->status);
        add_text(json, "content_type", odd->content_type);
        add_text(json, "header_names", odd->header_names);
        add_optional(json, "code", odd->excerpt.code != INT64_MIN, odd->excerpt.code);
        add_text(json, "message", odd->excerpt.message);
        add_moment(json, "at", odd->at_usec);
        json_put(status, "last_unknown_answer", json);
}

static const char *state_name(const struct environment *environment, uint64_t now_usec)
{
        if (environment_session(environment, now_usec)) {
                return "valid";
        }
        if (!environment_configured(environment)) {
                return "no_key";
        }
        return environment->n_answered > 0 ? "no_token" : "waiting";
}

static struct json_object *describe_environment(const struct environment *environment, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();
        char why[ENVIRONMENT_WHY_MAX];
        uint64_t next = refresh_next_usec(&environment->refresh);

        add_text(json, "name", environment->name);
        add_text(json, "base_url", environment->settings->base_url);
        json_put(json, "configured", json_object_new_boolean(environment_configured(environment)));
        add_text(json, "state", state_name(environment, now_usec));
        add_text(json, "why", environment_why(environment, now_usec, why));
        add_token(json, environment, now_usec);
        json_put(json, "keys", describe_keys(environment, now_usec));
        json_put(json, "key_files_refused", describe_refused_files(environment));
        json_put(json, "exchange_in_flight", json_object_new_boolean(environment->refresh.in_flight));
        add_optional(json, "next_refresh_in_sec", next != USEC_NEVER,
                     (int64_t)(usec_sub(next, now_usec) / USEC_PER_SEC));
        add_moment(json, "next_refresh_at", next);
        add_moment(json, "last_refresh_at", environment->last_refresh_usec);
        add_ago(json, "last_refresh_ago_sec", environment->last_refresh_usec, now_usec);
        add_trouble(json, environment, now_usec);
        add_number(json, "failures_in_row", environment->n_failures_in_row);
        json_put(json, "exchanges", describe_exchanges(environment, now_usec));
        add_odd_answer(json, environment);
        return json;
}

struct answer status_answer(const struct api *api, uint32_t may_use, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();

        add_text(json, "version", EQP_BROKER_VERSION);
        add_number(json, "pid", (uint64_t)getpid());
        add_number(json, "uptime_sec", usec_sub(now_usec, api->started_usec) / USEC_PER_SEC);
        json_put(json, "ready", json_object_new_boolean(api_ready(api, now_usec)));
        add_text(json, "keys_directory", upstream_keys_directory(api->upstream));
        json_put(json, "keys_are_credentials",
                 json_object_new_boolean(upstream_keys_are_credentials(api->upstream)));
        for (size_t i = 0; i < api->n_environments; i++) {
                if (may_use & (UINT32_C(1) << i)) {
                        json_append(list, describe_environment(api->environments[i], now_usec));
                }
        }
        json_put(json, "environments", list);
        return (struct answer){ 200, answer_json(json, /* secret= */ false) };
}

bool api_ready(const struct api *api, uint64_t now_usec)
{
        size_t n_configured = 0;

        for (size_t i = 0; i < api->n_environments; i++) {
                if (!environment_configured(api->environments[i])) {
                        continue;
                }
                n_configured++;
                if (!environment_session(api->environments[i], now_usec)) {
                        return false;
                }
        }
        return n_configured > 0;
}

/* "production: keys refused …; staging: …", as far as it fits. */
static void explain_not_ready(const struct api *api, uint64_t now_usec, char *text, size_t size)
{
        size_t length = 0;

        text[0] = '\0';
        for (size_t i = 0; i < api->n_environments; i++) {
                const struct environment *environment = api->environments[i];
                char why[ENVIRONMENT_WHY_MAX];
                if (!environment_configured(environment) || environment_session(environment, now_usec)) {
                        continue;
                }
                int n = snprintf(text + length, size - length, "%s%s: %s", length > 0 ? "; " : "",
                                 environment->name, environment_why(environment, now_usec, why));
                if (n < 0 || (size_t)n >= size - length) {
                        return;
                }
                length += (size_t)n;
        }
        if (length == 0) {
                (void)snprintf(text, size, "no environment has an access key: put a key file into %s",
                               upstream_keys_directory(api->upstream));
        }
}

struct answer ready_answer(const struct api *api, uint64_t now_usec)
{
        bool ready = api_ready(api, now_usec);
        struct json_object *json = json_object_new_object();
        struct json_object *list = json_object_new_array();
        char text[1024];

        if (ready) {
                json_put(json, "ready", json_object_new_boolean(true));
        } else {
                explain_not_ready(api, now_usec, text, sizeof(text));
                json_put(json, "code", json_object_new_int(503));
                add_text(json, "error", "not_ready");
                add_text(json, "message", text);
        }
        for (size_t i = 0; i < api->n_environments; i++) {
                const struct environment *environment = api->environments[i];
                char why[ENVIRONMENT_WHY_MAX];
                if (!environment_configured(environment)) {
                        continue;
                }
                struct json_object *row = json_object_new_object();
                bool usable = environment_session(environment, now_usec) != NULL;
                add_text(row, "name", environment->name);
                json_put(row, "usable", json_object_new_boolean(usable));
                if (!usable) {
                        add_text(row, "why", environment_why(environment, now_usec, why));
                }
                json_append(list, row);
        }
        json_put(json, "environments", list);
        return (struct answer){ ready ? 200 : 503, answer_json(json, /* secret= */ false) };
}
