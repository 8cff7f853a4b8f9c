/* Requests: the public functions that ask the daemon; which request each one is, and what its answer must
 * hold. Those for a token are in token_request.c. */
#include "client/broker.h"
#include "client/token.h"
#include "client/token_request.h"

#include <errno.h>
#include <stdio.h>

#define SMALL_ANSWER_SEC 5
#define EXCHANGE_SEC     60 /* the daemon may have to ask the EQP API first, and to queue before that */

/* {"ust":"..."}; json-c would leave copies of the token behind. A valid token has but one character to
 * escape. */
static char *rejected_body(const char *ust, size_t *ret_size)
{
        static const char head[] = "{\"ust\":\"", tail[] = "\"}";
        size_t size = sizeof(head) + 2 * strlen(ust) + sizeof(tail);
        char *body, *end;

        body = malloc(size);
        if (!body) {
                return NULL;
        }

        end = stpcpy(body, head);
        for (; *ust != '\0'; ust++) {
                if (*ust == '\\') {
                        *end++ = '\\';
                }
                *end++ = *ust;
        }
        (void)stpcpy(end, tail);
        *ret_size = size;
        return body;
}

int eqp_broker_report_rejected(struct eqp_broker *broker, const char *environment, const char *ust,
                               bool *ret_refreshed, struct eqp_broker_token **ret_token)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        _cleanup_(token_freep) struct eqp_broker_token *token = NULL;
        struct request request = { .timeout_sec = EXCHANGE_SEC };
        char path[128];
        size_t body_size = 0;
        bool refreshed = false;
        char *body;
        int r, n;

        r = broker_check_environment(broker, environment);
        if (r < 0) {
                return r;
        }
        if (!ust || !ust_is_valid(ust)) {
                return broker_bad_argument(broker, "This text cannot be a session token.");
        }
        n = snprintf(path, sizeof(path), "/v1/%s/token/rejected", environment);
        if (n < 0 || (size_t)n >= sizeof(path)) {
                return broker_bad_argument(broker, "The request is too long.");
        }

        body = rejected_body(ust, &body_size);
        if (!body) {
                return trouble_oom(&broker->trouble);
        }
        request.path = path;
        request.post_body = body;
        r = broker_request(broker, &request, &object);
        explicit_bzero(body, body_size);
        free(body);
        if (r < 0) {
                return r;
        }

        r = token_request_take(broker, object, environment, &token);
        if (r < 0) {
                return r;
        }
        if (field_boolean(object, "refreshed", &refreshed) < 0) {
                return broker_nonsense(broker, "the answer to a report without \"refreshed\"");
        }

        if (ret_refreshed) {
                *ret_refreshed = refreshed;
        }
        if (ret_token) {
                *ret_token = take_ptr(token);
        }
        return 0;
}

/* The object as text for the caller to free. */
static int hand_out_text(struct eqp_broker *broker, struct json_object *object, char **ret_json)
{
        const char *text;
        char *copy;

        text = json_object_to_json_string_ext(object,
                                              JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        copy = text ? strdup(text) : NULL;
        if (!copy) {
                return trouble_oom(&broker->trouble);
        }

        *ret_json = copy;
        return 0;
}

static int refresh(struct eqp_broker *broker, const char *environment, const char *query,
                   bool *ret_refreshed, char **ret_json)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        struct request request = { .post_body = "", .timeout_sec = EXCHANGE_SEC };
        bool refreshed = false;
        char path[128];
        int r, n;

        r = broker_check_environment(broker, environment);
        if (r < 0) {
                return r;
        }
        n = snprintf(path, sizeof(path), "/v1/%s/refresh%s", environment, query);
        if (n < 0 || (size_t)n >= sizeof(path)) {
                return broker_bad_argument(broker, "The request is too long.");
        }

        request.path = path;
        r = broker_request(broker, &request, &object);
        if (r < 0) {
                return r;
        }
        if (field_boolean(object, "refreshed", &refreshed) < 0 || !field_string(object, "outcome") ||
            !field_string(object, "message")) {
                return broker_nonsense(broker, "the answer to a refresh without an outcome");
        }

        if (ret_json) {
                r = hand_out_text(broker, object, ret_json);
                if (r < 0) {
                        return r;
                }
        }
        if (ret_refreshed) {
                *ret_refreshed = refreshed;
        }
        return 0;
}

int eqp_broker_refresh(struct eqp_broker *broker, const char *environment, bool *ret_refreshed,
                       char **ret_json)
{
        return refresh(broker, environment, "", ret_refreshed, ret_json);
}

int eqp_broker_refresh_new_account(struct eqp_broker *broker, const char *environment, bool *ret_refreshed,
                                   char **ret_json)
{
        return refresh(broker, environment, "?account=new", ret_refreshed, ret_json);
}

int eqp_broker_reload(struct eqp_broker *broker, char **ret_json)
{
        const struct request request = { .path = "/v1/reload",
                                         .post_body = "",
                                         .timeout_sec = EXCHANGE_SEC };
        _cleanup_(json_putp) struct json_object *object = NULL;
        bool reloaded = false;
        int r;

        r = broker_request(broker, &request, &object);
        if (r < 0) {
                return r;
        }
        if (field_boolean(object, "reloaded", &reloaded) < 0 || !reloaded) {
                return broker_nonsense(broker, "the answer to a reload that says neither yes nor no");
        }

        return ret_json ? hand_out_text(broker, object, ret_json) : 0;
}

int eqp_broker_get_status(struct eqp_broker *broker, char **ret_json)
{
        const struct request request = { .path = "/v1/status", .timeout_sec = SMALL_ANSWER_SEC };
        _cleanup_(json_putp) struct json_object *object = NULL;
        struct json_object *environments;
        int r;

        r = broker_request(broker, &request, &object);
        if (r < 0) {
                return r;
        }
        if (!json_object_object_get_ex(object, "environments", &environments) ||
            !json_object_is_type(environments, json_type_array)) {
                return broker_nonsense(broker, "a status without environments");
        }

        return hand_out_text(broker, object, ret_json);
}

static int ask_health(struct eqp_broker *broker, const char *path, const char *field)
{
        const struct request request = { .path = path, .timeout_sec = SMALL_ANSWER_SEC };
        _cleanup_(json_putp) struct json_object *object = NULL;
        bool good = false;
        int r;

        r = broker_request(broker, &request, &object);
        if (r < 0) {
                return r;
        }
        if (field_boolean(object, field, &good) < 0 || !good) {
                return broker_nonsense(broker, "a health answer that says neither yes nor no");
        }

        return 0;
}

int eqp_broker_ready(struct eqp_broker *broker)
{
        return ask_health(broker, "/readyz", "ready");
}

int eqp_broker_live(struct eqp_broker *broker)
{
        return ask_health(broker, "/livez", "live");
}
