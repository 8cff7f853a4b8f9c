/* The answer that carries a token.
 *
 * Only `expires_in` changes in it, once a second. So a rendered answer stays right for as long as the
 * whole seconds left are the same; libmicrohttpd counts who still sends it. */
#include "daemon/frontend/api/token_answer.h"

#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/known/token_document.h"
#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

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

const char *token_answer_etag(struct token_answers *answers, const struct session *session)
{
        uint8_t digest[32];

        static_assert(sizeof(digest) >= ETAG_DIGEST_SIZE, "its beginning is enough");
        if (answers->etag_serial != session->serial) {
                answers->etag_serial = 0;
                if (gnutls_hash_fast(GNUTLS_DIG_SHA256, session->ust, strlen(session->ust), digest) < 0) {
                        return NULL;
                }
                (void)etag_format(digest, answers->etag);
                answers->etag_serial = session->serial;
        }
        return answers->etag;
}

static bool add_etag(struct MHD_Response *response, const char *etag)
{
        return !etag || MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, etag) == MHD_YES;
}

struct MHD_Response *token_answer(struct token_answers *answers, const struct environment_view *view,
                                  const struct session *session, enum token_form form, uint64_t now_usec)
{
        uint32_t left_sec = session_left_sec(session, now_usec);
        typeof(answers->forms[0]) *cached = &answers->forms[form];

        if (!cached->response || cached->serial != session->serial || cached->left_sec != left_sec) {
                struct MHD_Response *response =
                        form == TOKEN_AS_TEXT ? render_text(session)
                                              : answer_json(token_document(view, session, now_usec),
                                                            /* secret= */ true);
                if (response && !add_etag(response, token_answer_etag(answers, session))) {
                        MHD_destroy_response(response);
                        return NULL;
                }
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

struct MHD_Response *token_answer_reported(const struct environment_view *view,
                                           const struct session *session, bool refreshed, const char *reason,
                                           uint64_t now_usec)
{
        struct json_object *json = token_document(view, session, now_usec);

        json_put(json, "refreshed", json_object_new_boolean(refreshed));
        json_put(json, "reason", json_object_new_string(reason));
        return answer_json(json, /* secret= */ true);
}

struct MHD_Response *token_answer_upstream(const struct session *session, uint32_t at_most_sec,
                                           uint64_t now_usec)
{
        uint32_t left_sec = session_left_sec(session, now_usec);

        return answer_json(token_document_upstream(session, session->ust, MIN_OF(left_sec, at_most_sec)),
                           /* secret= */ true);
}

struct MHD_Response *token_answer_opaque(const struct session *session, const char *token,
                                         uint32_t expires_in_sec)
{
        return answer_json(token_document_upstream(session, token, expires_in_sec), /* secret= */ true);
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
