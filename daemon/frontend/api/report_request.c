/* POST /v1/{environment}/token/rejected: a caller reports that the upstream refused the token. First the
 * keeper says whether it acts on that; if it does, the outcome is waited for. */
#include "daemon/frontend/api/report_request.h"

#include "daemon/frontend/api/token_request.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/request_body.h"
#include "lib/util.h"

#include <errno.h>

static void answer_report(struct api *api, struct request *request, bool refreshed, const char *reason,
                          uint64_t now_usec)
{
        const struct session *session = known_session(request->environment, now_usec);

        if (!session) {
                token_request_no_token(api, request, now_usec);
                return;
        }
        token_request_note(api, request, session, /* opaque= */ false, now_usec);
        request_answer(
                request, 200,
                token_answer_reported(&request->environment->view, session, refreshed, reason, now_usec));
}

static void send_fault(struct api *api, struct request *request, const char *message)
{
        struct answer answer = answer_error(400, "bad_request", message);

        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

static void ask(struct api *api, struct request *request, const char *ust, size_t length, uint64_t now_usec)
{
        token_request_remember(request, now_usec);
        const struct question *question = token_request_ask(api, request, now_usec);
        if (question) {
                request->patience_usec = now_usec + TOKEN_OUTCOME_WAIT_USEC;
                api->known->sides->ask->report(api->known->sides->keeper, question->number,
                                               request->environment->view.name, ust, length);
        }
}

static void begin(struct api *api, struct request *request, uint64_t now_usec)
{
        struct json_object *json = NULL, *ust = NULL;
        int r = request_body_parse(request, &json);

        if (r == -ENOMEM) { /* nobody knows what was reported, so nothing is said of it */
                request_answer(request, 500, NULL);
                return;
        }
        if (r < 0) {
                send_fault(api, request,
                           "the body must be a JSON object like {\"ust\": \"the token that was refused\"}");
                return;
        }
        if (json_object_object_length(json) != 1 || !json_object_object_get_ex(json, "ust", &ust) ||
            !json_object_is_type(ust, json_type_string)) {
                send_fault(api, request, "the body must have exactly one field, the string \"ust\"");
        } else {
                ask(api, request, json_object_get_string(ust), (size_t)json_object_get_string_len(ust),
                    now_usec);
        }
        json_object_put(json);
}

/* Why the report was not acted on; NULL: it was. */
static const char *refusal(const struct keeper_outcome *outcome, uint64_t now_usec,
                           char text[static TOKEN_OBSTACLE_MAX])
{
        switch (outcome->verdict) {
        case REFRESH_UNDER_WAY:
                return NULL;
        case REFRESH_NOT_CURRENT:
                return "the token reported is not the current one: this is";
        case REFRESH_ALREADY:
                return "this token was reported before, and one early refresh per token was made then";
        case REFRESH_TOO_SOON:
                return token_request_obstacle(&outcome->obstacle, now_usec, text);
        default:
                return "there is no access key";
        }
}

static void wait_for_outcome(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct known_environment *environment = request->environment;
        const struct session *session = known_session(environment, now_usec);

        if (session && session->serial != request->seen_serial) {
                answer_report(api, request, true, "", now_usec);
        } else if (token_request_outcome_known(request, now_usec)) {
                answer_report(api, request, false, environment->view.trouble.why, now_usec);
        } else if (now_usec >= token_request_patience(request)) {
                answer_report(api, request, false, "the refresh is still under way", now_usec);
        } else {
                token_request_wait_for_news(request, request->patience_usec);
        }
}

void report_request(struct api *api, struct request *request, uint64_t now_usec)
{
        char text[TOKEN_OBSTACLE_MAX];
        const char *why;

        if (token_request_is_new(request)) {
                begin(api, request, now_usec);
                return;
        }
        switch (token_request_look(request, now_usec)) {
        case TOKEN_REQUEST_WAITS:
                return;
        case TOKEN_REQUEST_SILENCE:
                answer_report(api, request, false, "the refresh is still under way", now_usec);
                return;
        case TOKEN_REQUEST_ANSWERED:
                why = refusal(&request->question->outcome, now_usec, text);
                if (why) {
                        answer_report(api, request, false, why, now_usec);
                } else {
                        wait_for_outcome(api, request, now_usec);
                }
                return;
        }
}
