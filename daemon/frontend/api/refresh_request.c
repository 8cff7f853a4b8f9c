/* POST /v1/{environment}/refresh: an operator wants a new token, perhaps of a new account. First the keeper
 * says whether it may be; then the outcome is waited for. */
#include "daemon/frontend/api/refresh_request.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/api/token_request.h"
#include "daemon/frontend/http/answer.h"
#include "lib/json_form.h"
#include "lib/util.h"

static void answer_outcome(struct request *request, const char *outcome, const char *message,
                           uint64_t now_usec)
{
        const struct environment_view *view = &request->environment->view;
        const struct session *session = known_session(request->environment, now_usec);
        bool refreshed = streq(outcome, "granted");
        struct json_object *json = json_object_new_object();

        json_put(json, "environment", json_object_new_string(view->name));
        json_put(json, "refreshed", json_object_new_boolean(refreshed));
        json_put(json, "outcome", json_object_new_string(outcome));
        json_put(
                json, "key",
                json_object_new_string(refreshed && session ? session->key_label : view->trouble.key_label));
        json_put(json, "message", json_object_new_string(message));
        if (session) {
                char expires[CLOCK_TEXT_MAX];
                json_put(json, "mage_id", json_object_new_string(session->mage_id));
                json_put(json, "expires_in", json_object_new_int64(session_left_sec(session, now_usec)));
                json_put(json, "expires_at",
                         json_object_new_string(clock_format_utc(session->expires_usec, expires)));
        }
        request_answer(request, 200, answer_json(json, /* secret= */ false));
}

static void ask(struct api *api, struct request *request, uint64_t now_usec)
{
        token_request_remember(request, now_usec);
        const struct question *question = token_request_ask(api, request, now_usec);
        if (question) {
                request->patience_usec = now_usec + TOKEN_OUTCOME_WAIT_USEC;
                api->known->sides->ask->refresh(api->known->sides->keeper, question->number,
                                                request->environment->view.name,
                                                route_wants_new_account(request->target));
        }
}

static void wait_for_outcome(struct request *request, uint64_t now_usec)
{
        const struct environment_trouble *trouble = &request->environment->view.trouble;
        const struct session *session = known_session(request->environment, now_usec);

        if (session && session->serial != request->seen_serial) {
                answer_outcome(request, "granted", "a new token is in hand", now_usec);
        } else if (token_request_outcome_known(request, now_usec)) {
                answer_outcome(request, exchange_outcome_name(trouble->outcome), trouble->why, now_usec);
        } else if (now_usec >= token_request_patience(request)) {
                answer_outcome(request, "unavailable", "the exchange is still under way", now_usec);
        } else {
                token_request_wait_for_news(request, request->patience_usec);
        }
}

static void act_on_verdict(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct keeper_outcome *outcome = &request->question->outcome;

        switch (outcome->verdict) {
        case REFRESH_UNDER_WAY:
                wait_for_outcome(request, now_usec);
                return;
        case REFRESH_TOO_SOON:
                token_request_limited(request, "", now_usec);
                return;
        default:
                token_request_no_token(api, request, now_usec);
                return;
        }
}

void refresh_request(struct api *api, struct request *request, uint64_t now_usec)
{
        if (token_request_is_new(request)) {
                ask(api, request, now_usec);
                return;
        }
        switch (token_request_look(request, now_usec)) {
        case TOKEN_REQUEST_WAITS:
                return;
        case TOKEN_REQUEST_SILENCE:
                answer_outcome(request, "unavailable", "the exchange is still under way", now_usec);
                return;
        case TOKEN_REQUEST_ANSWERED:
                act_on_verdict(api, request, now_usec);
                return;
        }
}
