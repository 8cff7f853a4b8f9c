/* The answer that carries a token: rendered once per second and environment, and shared by all who ask in
 * that second. */
#pragma once

#include "daemon/frontend/http/media_type.h"
#include "lib/environment_view.h"
#include "lib/etag.h"
#include "lib/session.h"

#include <microhttpd.h>

/* The rendered answers of one environment. */
struct token_answers {
        struct {
                struct MHD_Response *response;
                uint64_t serial;   /* of the session */
                uint32_t left_sec; /* as rendered */
        } forms[_TOKEN_FORM_COUNT];
        uint64_t etag_serial; /* of the session; 0: none */
        char etag[ETAG_TEXT_MAX];
};

/* The answer for this moment; it stays the cache's, and is good for being queued at once. NULL: no memory.
 */
struct MHD_Response *token_answer(struct token_answers *answers, const struct environment_view *view,
                                  const struct session *session, enum token_form form, uint64_t now_usec);

/* The ETag that this answer has: it names the token, over restarts as well. NULL: the library refuses. */
const char *token_answer_etag(struct token_answers *answers, const struct session *session);

/* The same with what became of a report: not shared. reason: for people. */
struct MHD_Response *token_answer_reported(const struct environment_view *view,
                                           const struct session *session, bool refreshed, const char *reason,
                                           uint64_t now_usec);

/* In the shape of the upstream's own answer: mage_id, ust, expires_in, which is at most at_most_sec. */
struct MHD_Response *token_answer_upstream(const struct session *session, uint32_t at_most_sec,
                                           uint64_t now_usec);

/* The same with a local key's opaque token in the place of the real one. */
struct MHD_Response *token_answer_opaque(const struct session *session, const char *token,
                                         uint32_t expires_in_sec);

/* Forgets the answers of other sessions than this one, which may be NULL: their tokens are to leave memory.
 */
void token_answers_keep(struct token_answers *answers, const struct session *session);

void token_answers_clear(struct token_answers *answers);
