/* The requests that concern one environment's token.
 *
 * Each is called when the request is there, and again whenever its environment has news or its wait is over;
 * so each looks at the state as it is now, and answers or waits (on). */
#include "daemon/frontend/api/token_request.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/media_type.h"
#include "daemon/frontend/http/request_body.h"
#include "daemon/keeper/environment_log.h"
#include "lib/duration.h"
#include "lib/json_form.h"
#include "lib/token_query.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* How long a report or an operator's refresh waits for the outcome: an exchange, and one more with the next
 * key. */
#define OUTCOME_WAIT_USEC (40 * USEC_PER_SEC)
/* A next attempt this near still belongs to the same wish (the floor between two exchanges is 1 s). */
#define NEXT_KEY_USEC (2 * USEC_PER_SEC)

bool token_request_is_new(const struct request *request)
{
        return request->wait_until_usec == 0;
}

static void send_error(struct request *request, unsigned status, const char *slug, const char *message,
                       uint32_t retry_after_sec)
{
        struct answer answer = answer_error_with(status, request->as_upstream ? NULL : slug, message,
                                                 retry_after_sec, NULL, false);
        request_answer(request, answer.status, answer.response);
}

/* The request asks for something impossible. */
static void send_fault(struct api *api, struct request *request, struct answer answer)
{
        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

/* Waits for the environment's next news. */
static void wait_for_news(struct request *request, uint64_t until_usec)
{
        waiters_add(&request->environment->waiters, &request->waiter);
        request_wait(request, until_usec);
}

static void answer_no_token(struct request *request, uint64_t now_usec)
{
        const struct environment *environment = request->environment;
        uint64_t next = refresh_next_usec(&environment->refresh);
        char why[ENVIRONMENT_WHY_MAX], message[ENVIRONMENT_WHY_MAX + 128], left[DURATION_TEXT_MAX];
        const struct session *session = environment_session(environment, now_usec);

        if (session) {
                (void)snprintf(message, sizeof(message),
                               "%s: the token in hand lives another %s, less than min_ttl, and there is no "
                               "newer one yet",
                               environment->name, duration_format(session->expires_usec - now_usec, left));
        } else {
                (void)snprintf(message, sizeof(message), "%s: %s", environment->name,
                               environment_why(environment, now_usec, why));
        }
        /* Whose wait was cut short may come back at once, and wait on with the next process. */
        if (environment->refresh.in_flight || request->cut_short) {
                next = now_usec;
        }
        send_error(request, 503, "no_token", message, answer_retry_after(next, now_usec));
}

static void answer_limited(struct request *request, const char *message, uint64_t until_usec,
                           uint64_t now_usec)
{
        send_error(request, 429, "refresh_limited", message, answer_retry_after(until_usec, now_usec));
}

static void note_handed_out(struct api *api, const struct request *request, const struct session *session,
                            uint64_t now_usec)
{
        const struct audit_caller caller = connection_caller(request->connection);

        api->n_tokens_served++;
        audit_handed_out(api->audit, &caller, request->environment->name, session, now_usec);
}

/* ---- get ---- */

static void serve_token(struct api *api, struct request *request, struct session *session, uint64_t now_usec)
{
        enum token_form form = TOKEN_AS_JSON;

        (void)media_type_choose(request->facts.accept, /* text_offered= */ true, &form);
        note_handed_out(api, request, session, now_usec);
        request_answer_shared(request, 200,
                              token_answer(&api->answers[request->environment_index], request->environment,
                                           session, form, now_usec));
}

static void answer_unattainable(struct api *api, struct request *request)
{
        char message[160];

        (void)snprintf(message, sizeof(message),
                       "a token of %s lives %u s at the most when it arrives: ask for min_ttl=%u or less",
                       request->environment->name, request->environment->refresh.attainable_sec,
                       request->environment->refresh.attainable_sec);
        send_fault(api, request, answer_error(422, "min_ttl_unattainable", message));
}

void token_request_serve(struct api *api, struct request *request, uint64_t now_usec, token_serve_fn serve)
{
        struct environment *environment = request->environment;
        struct session *session = environment_session(environment, now_usec);
        uint64_t next;

        if (session && session->expires_usec - now_usec >= request->min_ttl_sec * USEC_PER_SEC) {
                serve(api, request, session, now_usec);
                return;
        }
        switch (environment_demand(environment, request->min_ttl_sec, now_usec)) {
        case REFRESH_UNATTAINABLE:
                answer_unattainable(api, request);
                return;
        case REFRESH_TOO_SOON:
                answer_limited(request,
                               "callers have caused as many refreshes as they may for now: ask for a "
                               "smaller min_ttl, "
                               "or again later",
                               now_usec + USEC_PER_MIN, now_usec);
                return;
        case REFRESH_UNDER_WAY:
                next = refresh_next_usec(&environment->refresh);
                if (now_usec < request->wait_until_usec &&
                    (environment->refresh.in_flight || next <= request->wait_until_usec)) {
                        wait_for_news(request, request->wait_until_usec);
                        return;
                }
                answer_no_token(request, now_usec);
                return;
        default:
                answer_no_token(request, now_usec);
                return;
        }
}

void token_request_get(struct api *api, struct request *request, uint64_t now_usec)
{
        if (token_request_is_new(request)) {
                struct token_query query;
                char message[160];
                if (token_query_parse(request->target, &query, message, sizeof(message)) < 0) {
                        send_fault(api, request, answer_error(400, "bad_request", message));
                        return;
                }
                request->min_ttl_sec = query.min_ttl_sec;
                request->wait_until_usec = now_usec + query.wait_sec * USEC_PER_SEC;
        }
        token_request_serve(api, request, now_usec, serve_token);
}

/* ---- rejected ---- */

static void answer_report(struct api *api, struct request *request, bool refreshed, const char *reason,
                          uint64_t now_usec)
{
        const struct session *session = environment_session(request->environment, now_usec);

        if (!session) {
                answer_no_token(request, now_usec);
                return;
        }
        note_handed_out(api, request, session, now_usec);
        request_answer(request, 200,
                       token_answer_reported(request->environment, session, refreshed, reason, now_usec));
}

static void begin_report(struct api *api, struct request *request, const char *ust, size_t length,
                         uint64_t now_usec)
{
        struct environment *environment = request->environment;
        const struct session *session = environment_session(environment, now_usec);

        request->seen_serial = session ? session->serial : 0;
        request->seen_answered = environment->n_answered;
        switch (environment_report(environment, ust, length, now_usec)) {
        case REFRESH_UNDER_WAY:
                wait_for_news(request, now_usec + OUTCOME_WAIT_USEC);
                return;
        case REFRESH_NOT_CURRENT:
                answer_report(api, request, false, "the token reported is not the current one: this is",
                              now_usec);
                return;
        case REFRESH_ALREADY:
                answer_report(
                        api, request, false,
                        "this token was reported before, and one early refresh per token was made then",
                        now_usec);
                return;
        case REFRESH_NO_KEY:
                answer_report(api, request, false, "no access key is usable at the moment", now_usec);
                return;
        default:
                answer_report(
                        api, request, false,
                        "reports cause at most one early refresh every 10 s, and none while a retry is set",
                        now_usec);
                return;
        }
}

/* Has an exchange ended since the request began, and is no other about to follow on its heels? */
static bool outcome_known(const struct request *request, uint64_t now_usec)
{
        const struct environment *environment = request->environment;

        return environment->n_answered > request->seen_answered && !environment->refresh.in_flight &&
               (environment->trouble.outcome != EXCHANGE_KEY_REFUSED ||
                refresh_next_usec(&environment->refresh) > now_usec + NEXT_KEY_USEC);
}

void token_request_rejected(struct api *api, struct request *request, uint64_t now_usec)
{
        if (token_request_is_new(request)) {
                struct json_object *json = NULL;
                int r = request_body_parse(request, &json);
                if (r == -ENOMEM) { /* nobody knows what was reported, so nothing is said of it */
                        request_answer(request, 500, NULL);
                        return;
                }
                if (r < 0) {
                        send_fault(api, request,
                                   answer_error(400, "bad_request",
                                                "the body must be a JSON object like {\"ust\": "
                                                "\"the token that was refused\"}"));
                        return;
                }
                struct json_object *ust = NULL;
                if (json_object_object_length(json) != 1 || !json_object_object_get_ex(json, "ust", &ust) ||
                    !json_object_is_type(ust, json_type_string)) {
                        send_fault(api, request,
                                   answer_error(400, "bad_request",
                                                "the body must have exactly one field, the string \"ust\""));
                } else {
                        begin_report(api, request, json_object_get_string(ust),
                                     (size_t)json_object_get_string_len(ust), now_usec);
                }
                json_object_put(json);
                return;
        }
        const struct session *session = environment_session(request->environment, now_usec);
        if (session && session->serial != request->seen_serial) {
                answer_report(api, request, true, "", now_usec);
        } else if (outcome_known(request, now_usec)) {
                answer_report(api, request, false, request->environment->trouble.why, now_usec);
        } else if (now_usec >= request->wait_until_usec) {
                answer_report(api, request, false, "the refresh is still under way", now_usec);
        } else {
                wait_for_news(request, request->wait_until_usec);
        }
}

/* ---- refresh ---- */

static void answer_outcome(struct request *request, const char *outcome, const char *message,
                           uint64_t now_usec)
{
        const struct environment *environment = request->environment;
        const struct session *session = environment_session(environment, now_usec);
        bool refreshed = streq(outcome, "granted");
        struct json_object *json = json_object_new_object();

        json_put(json, "environment", json_object_new_string(environment->name));
        json_put(json, "refreshed", json_object_new_boolean(refreshed));
        json_put(json, "outcome", json_object_new_string(outcome));
        json_put(json, "key",
                 json_object_new_string(refreshed && session ? session->key_label
                                                             : environment->trouble.key_label));
        json_put(json, "message", json_object_new_string(message));
        if (session) {
                char expires[CLOCK_TEXT_MAX];
                json_put(json, "expires_in", json_object_new_int64(session_left_sec(session, now_usec)));
                json_put(json, "expires_at",
                         json_object_new_string(clock_format_utc(session->expires_usec, expires)));
        }
        request_answer(request, 200, answer_json(json, /* secret= */ false));
}

static void begin_refresh(struct request *request, uint64_t now_usec)
{
        struct environment *environment = request->environment;
        const struct session *session = environment_session(environment, now_usec);
        enum refresh_limit limit;

        request->seen_serial = session ? session->serial : 0;
        request->seen_answered = environment->n_answered;
        switch (environment_operator_refresh(environment, now_usec)) {
        case REFRESH_UNDER_WAY:
                wait_for_news(request, now_usec + OUTCOME_WAIT_USEC);
                return;
        case REFRESH_TOO_SOON: {
                uint64_t until = refresh_limited_until(&environment->refresh, &limit);
                answer_limited(request,
                               limit == REFRESH_LIMIT_BUDGET
                                       ? "the hourly budget of exchanges with the upstream is used up: wait"
                                       : "the upstream asked for patience (Retry-After): wait",
                               until, now_usec);
                return;
        }
        default:
                answer_no_token(request, now_usec);
                return;
        }
}

void token_request_refresh(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct environment *environment = request->environment;
        const struct session *session = environment_session(environment, now_usec);

        if (token_request_is_new(request)) {
                begin_refresh(request, now_usec);
        } else if (session && session->serial != request->seen_serial) {
                answer_outcome(request, "granted", "a new token is in hand", now_usec);
        } else if (outcome_known(request, now_usec)) {
                answer_outcome(request, exchange_outcome_name(environment->trouble.outcome),
                               environment->trouble.why, now_usec);
        } else if (now_usec >= request->wait_until_usec) {
                answer_outcome(request, "unavailable", "the exchange is still under way", now_usec);
        } else {
                wait_for_news(request, request->wait_until_usec);
        }
}
