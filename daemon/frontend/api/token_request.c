/* GET /v1/{environment}/token, and what all requests that concern a token share. */
#include "daemon/frontend/api/token_request.h"

#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/media_type.h"
#include "lib/duration.h"
#include "lib/token_query.h"
#include "lib/util.h"

#include <stdio.h>

/* How long the keeper's answer is waited for, which takes no exchange. */
#define ANSWER_WAIT_USEC (5 * USEC_PER_SEC)
/* A next attempt this near still belongs to the same wish (the floor between two exchanges is 1 s). */
#define NEXT_KEY_USEC (2 * USEC_PER_SEC)

/* ---- what all share ---- */

bool token_request_is_new(const struct request *request)
{
        return request->patience_usec == 0;
}

static void send_error(struct request *request, unsigned status, const char *slug, const char *message,
                       uint32_t retry_after_sec)
{
        struct answer answer =
                request->as_upstream
                        ? answer_error_as_upstream(status, slug, message, retry_after_sec, NULL, false)
                        : answer_error_with(status, slug, message, retry_after_sec, NULL, false);
        request_answer(request, answer.status, answer.response);
}

void token_request_note(struct api *api, const struct request *request, const struct session *session,
                        bool opaque, uint64_t now_usec)
{
        const struct audit_caller caller = connection_caller(request->connection);

        api->n_tokens_served++;
        if (request->carried.kind == CARRIED_LOCAL) {
                local_keys_count_token(&api->local_keys, api->known, request->carried.key);
        }
        audit_handed_out(api->audit, &caller, request->environment->view.name, session, opaque, now_usec);
}

/* Until then, or as long as the daemon lasts. */
static uint64_t until_the_end(const struct request *request, uint64_t until_usec)
{
        return request->cut_short ? MIN_OF(request->wait_until_usec, until_usec) : until_usec;
}

uint64_t token_request_patience(const struct request *request)
{
        return until_the_end(request, request->patience_usec);
}

void token_request_wait_for_news(struct request *request, uint64_t until_usec)
{
        waiters_add(&request->environment->waiters, &request->waiter);
        request_wait(request, until_usec);
}

struct question *token_request_ask(struct api *api, struct request *request, uint64_t now_usec)
{
        request->question = question_new(&api->known->questions);
        if (!request->question) {
                request_answer(request, 500, NULL); /* the connection ends */
                return NULL;
        }
        request->question_until_usec = now_usec + ANSWER_WAIT_USEC;
        waiters_add(&request->question->waiters, &request->waiter);
        request_wait(request, request->question_until_usec);
        return request->question;
}

enum token_request_answer token_request_look(struct request *request, uint64_t now_usec)
{
        if (request->question->answered) {
                return TOKEN_REQUEST_ANSWERED;
        }
        if (now_usec >= until_the_end(request, request->question_until_usec)) {
                return TOKEN_REQUEST_SILENCE;
        }
        waiters_add(&request->question->waiters, &request->waiter);
        request_wait(request, request->question_until_usec);
        return TOKEN_REQUEST_WAITS;
}

void token_request_remember(struct request *request, uint64_t now_usec)
{
        const struct session *session = known_session(request->environment, now_usec);

        request->seen_serial = session ? session->serial : 0;
        request->seen_answered = request->environment->view.n_answered;
}

bool token_request_outcome_known(const struct request *request, uint64_t now_usec)
{
        const struct environment_view *view = &request->environment->view;
        bool of_the_upstream =
                view->trouble.outcome == EXCHANGE_UNAVAILABLE || view->trouble.outcome == EXCHANGE_THROTTLED;
        bool wished = view->refresh.wish_usec != USEC_NEVER; /* so that was a trial's outcome */

        /* A failure that may be the key's fault is followed by an exchange with another one. */
        return view->n_answered > request->seen_answered && !environment_view_busy(view) &&
               ((of_the_upstream && !wished) ||
                refresh_next_usec(&view->refresh) > now_usec + NEXT_KEY_USEC);
}

void token_request_no_token(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct known_environment *environment = request->environment;
        const char *name = environment->view.name;
        uint64_t next = refresh_next_usec(&environment->view.refresh);
        char why[ENVIRONMENT_WHY_MAX], message[ENVIRONMENT_WHY_MAX + 128], left[DURATION_TEXT_MAX];
        const struct session *session = known_session(environment, now_usec);

        if (session) {
                (void)snprintf(message, sizeof(message),
                               "%s: the token in hand lives another %s, less than min_ttl, and there is no "
                               "newer one yet",
                               name, duration_format(session->expires_usec - now_usec, left));
        } else {
                (void)snprintf(message, sizeof(message), "%s: %s", name,
                               known_why(api->known, environment, now_usec, why));
        }
        /* A client whose wait was cut short may retry at once, and wait on with the next process. */
        if (environment_view_busy(&environment->view) || request->cut_short) {
                next = now_usec;
        }
        send_error(request, 503, "no_token", message, answer_retry_after(next, now_usec));
}

const char *token_request_obstacle(const struct refresh_obstacle *obstacle, uint64_t now_usec,
                                   char text[static TOKEN_OBSTACLE_MAX])
{
        static const char *const words[_REFRESH_LIMIT_COUNT] = {
                [REFRESH_UNLIMITED] = "not now",
                [REFRESH_LIMIT_FLOOR] = "exchanges are at least a second apart",
                [REFRESH_LIMIT_BUDGET] = "the hourly budget of exchanges with the upstream is used up",
                [REFRESH_LIMIT_SHARE] =
                        ("four refreshes of this kind were made within the hour, which is its "
                         "share of the budget"),
                [REFRESH_LIMIT_RETRY_AFTER] = "the upstream asked for patience (Retry-After)",
                [REFRESH_LIMIT_KEYS] = "the upstream asked for patience with each access key",
                [REFRESH_LIMIT_RETRY] = "the latest refresh failed, and another attempt is set",
                [REFRESH_LIMIT_GAP] = "reports cause at most one refresh every 10 s",
                [REFRESH_LIMIT_ELSEWHERE] =
                        "this access key's share of exchanges was used by other environments",
                [REFRESH_LIMIT_STORE] = "another broker is about to obtain a token and to share it",
        };
        char wait[ENVIRONMENT_NEXT_MAX];

        (void)snprintf(text, TOKEN_OBSTACLE_MAX, "%s: again %s", words[obstacle->limit],
                       environment_view_next(obstacle->until_usec, now_usec, wait));
        return text;
}

void token_request_limited(struct request *request, const char *advice, uint64_t now_usec)
{
        const struct refresh_obstacle *obstacle = &request->question->outcome.obstacle;
        char text[TOKEN_OBSTACLE_MAX], message[TOKEN_OBSTACLE_MAX + 64];

        (void)snprintf(message, sizeof(message), "%s%s", token_request_obstacle(obstacle, now_usec, text),
                       advice);
        send_error(request, 429, "refresh_limited", message,
                   answer_retry_after(obstacle->until_usec, now_usec));
}

/* ---- get ---- */

/* Has the client this token already? */
static bool has_it(struct token_answers *answers, const struct request *request,
                   const struct session *session)
{
        const char *etag = request->facts.if_none_match ? token_answer_etag(answers, session) : NULL;

        return etag && etag_is_named(etag, request->facts.if_none_match);
}

static void serve_token(struct api *api, struct request *request, struct session *session, uint64_t now_usec)
{
        struct token_answers *answers = &api->answers[request->environment_index];
        enum token_form form = TOKEN_AS_JSON;
        unsigned status = has_it(answers, request, session) ? 304 : 200;

        if (status == 304 && request->waits_for_another && now_usec < token_request_patience(request)) {
                token_request_wait_for_news(request, request->patience_usec);
                return;
        }
        if (status == 200) {
                token_request_note(api, request, session, /* opaque= */ false, now_usec);
        }
        (void)media_type_choose(request->facts.accept, /* text_offered= */ true, &form);
        /* As 304 it goes without its body, and with all headers that it has otherwise. */
        request_answer_shared(request, status,
                              token_answer(answers, &request->environment->view, session, form, now_usec));
}

static void answer_unattainable(struct api *api, struct request *request)
{
        const struct environment_view *view = &request->environment->view;
        char message[160];

        (void)snprintf(message, sizeof(message),
                       "a token of %s lives %u s at the most when it arrives: ask for min_ttl=%u or less",
                       view->name, view->refresh.attainable_sec, view->refresh.attainable_sec);
        api->n_errors++;
        struct answer answer = answer_error(422, "min_ttl_unattainable", message);
        request_answer(request, answer.status, answer.response);
}

/* A token is on its way, or its time is set: waits for it as long as the caller wants to. */
static void wait_for_token(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct refresh *refresh = &request->environment->view.refresh;
        uint64_t until_usec = token_request_patience(request);

        if (refresh->attainable_sec > 0 && request->min_ttl_sec > refresh->attainable_sec) {
                answer_unattainable(api, request);
        } else if (now_usec < until_usec && (environment_view_busy(&request->environment->view) ||
                                             refresh_next_usec(refresh) <= until_usec)) {
                token_request_wait_for_news(request, request->patience_usec);
        } else {
                token_request_no_token(api, request, now_usec);
        }
}

static void act_on_verdict(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct keeper_outcome *outcome = &request->question->outcome;

        switch (outcome->verdict) {
        case REFRESH_UNATTAINABLE:
                answer_unattainable(api, request);
                return;
        case REFRESH_TOO_SOON:
                token_request_limited(request, ", or ask for a smaller min_ttl", now_usec);
                return;
        case REFRESH_UNDER_WAY:
                wait_for_token(api, request, now_usec);
                return;
        default:
                token_request_no_token(api, request, now_usec);
                return;
        }
}

static void demand(struct api *api, struct request *request, uint64_t now_usec)
{
        token_request_remember(request, now_usec);
        const struct question *question = token_request_ask(api, request, now_usec);
        if (question) {
                api->known->sides->ask->demand(api->known->sides->keeper, question->number,
                                               request->environment->view.name, request->min_ttl_sec);
        }
}

/* Has a token come that does not last as long, and is it unknown what can be had? So it is if another
 * lifetime was set while its exchange was under way. Once for each token. */
static bool is_worth_another_demand(const struct request *request, uint64_t now_usec)
{
        const struct refresh *refresh = &request->environment->view.refresh;
        const struct session *session = known_session(request->environment, now_usec);

        return request->question->outcome.verdict == REFRESH_UNDER_WAY && session &&
               session->serial != request->seen_serial && refresh->attainable_sec == 0 &&
               !environment_view_busy(&request->environment->view) &&
               now_usec < token_request_patience(request);
}

void token_request_serve(struct api *api, struct request *request, uint64_t now_usec, token_serve_fn serve)
{
        const struct known_environment *environment = request->environment;
        struct session *session = known_session(environment, now_usec);

        if (session && session->expires_usec - now_usec >= request->min_ttl_sec * USEC_PER_SEC) {
                serve(api, request, session, now_usec);
        } else if (request->min_ttl_sec == 0) {
                /* Whatever can be done for a token of any life is being done. */
                if (known_configured(environment)) {
                        wait_for_token(api, request, now_usec);
                } else {
                        token_request_no_token(api, request, now_usec);
                }
        } else if (!request->question) {
                demand(api, request, now_usec);
        } else {
                switch (token_request_look(request, now_usec)) {
                case TOKEN_REQUEST_ANSWERED:
                        if (is_worth_another_demand(request, now_usec)) {
                                request->question = question_free(request->question);
                                demand(api, request, now_usec);
                        } else {
                                act_on_verdict(api, request, now_usec);
                        }
                        return;
                case TOKEN_REQUEST_WAITS:
                        return;
                case TOKEN_REQUEST_SILENCE:
                        token_request_no_token(api, request, now_usec);
                        return;
                }
        }
}

void token_request_get(struct api *api, struct request *request, uint64_t now_usec)
{
        if (token_request_is_new(request)) {
                struct token_query query;
                char message[160];
                if (token_query_parse(request->target, &query, message, sizeof(message)) < 0) {
                        struct answer answer = answer_error(400, "bad_request", message);
                        api->n_errors++;
                        request_answer(request, answer.status, answer.response);
                        return;
                }
                request->min_ttl_sec = query.min_ttl_sec;
                request->waits_for_another = query.has_wait;
                request->patience_usec = now_usec + query.wait_sec * USEC_PER_SEC;
        }
        token_request_serve(api, request, now_usec, serve_token);
}
