/* The answer that carries a token.
 *
 * What changes in it is `expires_in`, once a second. So a rendered answer stays right for as long as the
 * whole seconds left are the same; libmicrohttpd counts who still sends it. */
#include "daemon/frontend/api/token_answer.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/answer.h"
#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/util.h"

static struct json_object *upstream_object(const struct session *session, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();

        json_put(json, "mage_id", json_object_new_string(session->mage_id));
        json_put(json, "ust", json_object_new_string(session->ust));
        json_put(json, "expires_in", json_object_new_int64(session_left_sec(session, now_usec)));
        return json;
}

struct json_object *token_answer_object(const struct environment *environment, const struct session *session,
                                        uint64_t now_usec)
{
        struct json_object *json = upstream_object(session, now_usec);
        char expires[CLOCK_TEXT_MAX];

        (void)clock_format_utc(session->expires_usec, expires);
        json_put(json, "expires_at", json_object_new_string(expires));
        json_put(json, "environment", json_object_new_string(environment->name));
        json_put(json, "base_url", json_object_new_string(environment->settings->base_url));
        return json;
}

static struct MHD_Response *render_text(const struct session *session)
{
        size_t length = strlen(session->ust);
        char *body = secret_alloc(length + 2);

        if (!body) {
                return NULL;
        }
        memcpy(body, session->ust, length);
        body[length] = '\n';
        return answer_secret(body, length + 1, "text/plain; charset=us-ascii");
}

struct MHD_Response *token_answer(struct token_answers *answers, const struct environment *environment,
                                  const struct session *session, enum token_form form, uint64_t now_usec)
{
        uint32_t left_sec = session_left_sec(session, now_usec);
        typeof(answers->forms[0]) *cached = &answers->forms[form];

        if (!cached->response || cached->serial != session->serial || cached->left_sec != left_sec) {
                struct MHD_Response *response =
                        form == TOKEN_AS_TEXT
                                ? render_text(session)
                                : answer_json(token_answer_object(environment, session, now_usec),
                                              /* secret= */ true);
                if (!response) {
                        return NULL;
                }
                if (cached->response) {
                        MHD_destroy_response(cached->response);
                }
                cached->response = response;
                cached->serial = session->serial;
                cached->left_sec = left_sec;
        }
        return cached->response;
}

struct MHD_Response *token_answer_reported(const struct environment *environment,
                                           const struct session *session, bool refreshed, const char *reason,
                                           uint64_t now_usec)
{
        struct json_object *json = token_answer_object(environment, session, now_usec);

        json_put(json, "refreshed", json_object_new_boolean(refreshed));
        json_put(json, "reason", json_object_new_string(reason));
        return answer_json(json, /* secret= */ true);
}

struct MHD_Response *token_answer_upstream(const struct session *session, uint64_t now_usec)
{
        return answer_json(upstream_object(session, now_usec), /* secret= */ true);
}

char *token_answer_body(const struct environment *environment, const struct session *session,
                        enum token_form form, uint64_t now_usec, size_t *ret_length)
{
        if (form == TOKEN_AS_JSON) {
                return answer_secret_text(token_answer_object(environment, session, now_usec), ret_length);
        }
        size_t length = strlen(session->ust);
        char *body = secret_alloc(length + 1);
        if (body) {
                memcpy(body, session->ust, length);
                *ret_length = length;
        }
        return body;
}

void token_answers_keep(struct token_answers *answers, const struct session *session)
{
        for (int form = 0; form < _TOKEN_FORM_COUNT; form++) {
                typeof(answers->forms[0]) *cached = &answers->forms[form];
                if (cached->response && !(session && cached->serial == session->serial)) {
                        MHD_destroy_response(cached->response);
                        cached->response = NULL;
                }
        }
}

void token_answers_clear(struct token_answers *answers)
{
        token_answers_keep(answers, NULL);
}
