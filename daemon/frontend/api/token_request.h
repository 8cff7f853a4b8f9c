/* GET /v1/{environment}/token, and what all requests that concern a token share.
 *
 * Each is called when the request is there, and again whenever something that it waits for may have come, or
 * its wait is over; so each looks at what is known now, and answers or waits (on). */
#pragma once

#include "daemon/frontend/api/api_state.h"

/* GET /v1/{environment}/token */
void token_request_get(struct api *api, struct request *request, uint64_t now_usec);

/* How the token is written down. */
typedef void (*token_serve_fn)(struct api *api, struct request *request, struct session *session,
                               uint64_t now_usec);

/* Serves a token with request->min_ttl_sec of life left, or says why there is none, or waits until
 * request->patience_usec. */
void token_request_serve(struct api *api, struct request *request, uint64_t now_usec, token_serve_fn serve);

/* Is it called for the first time for this request? (Else something that it waited for may have come, or a
 * reload.) The first call sets request->patience_usec, or answers. */
bool token_request_is_new(const struct request *request);

/* Notes in the log that this request's caller gets the token, or an opaque one of its local key. */
void token_request_note(struct api *api, const struct request *request, const struct session *session,
                        bool opaque, uint64_t now_usec);

/* Until when the caller can wait: as long as it wants to, or as the daemon lasts. */
uint64_t token_request_patience(const struct request *request);

/* Waits for the environment's next news, or for that moment. */
void token_request_wait_for_news(struct request *request, uint64_t until_usec);

/* A question for the keeper, to be asked and waited for; NULL: there is no memory, and the request is
 * answered. */
struct question *token_request_ask(struct api *api, struct request *request, uint64_t now_usec);

/* Has the keeper answered the question? If not, the request waits on, as long as it may. */
enum token_request_answer {
        TOKEN_REQUEST_ANSWERED, /* see request->question->outcome */
        TOKEN_REQUEST_WAITS,    /* there is nothing to do now */
        TOKEN_REQUEST_SILENCE,  /* no answer has come in time */
};
enum token_request_answer token_request_look(struct request *request, uint64_t now_usec);

/* 503 no_token, with the reason. */
void token_request_no_token(struct api *api, struct request *request, uint64_t now_usec);

/* The obstacle to a wish, and until when, for people: "…: again in 42s". Returns text. */
#define TOKEN_OBSTACLE_MAX 192
const char *token_request_obstacle(const struct refresh_obstacle *obstacle, uint64_t now_usec,
                                   char text[static TOKEN_OBSTACLE_MAX]);

/* 429 refresh_limited: the keeper answered the question with an obstacle. The advice goes behind it. */
void token_request_limited(struct request *request, const char *advice, uint64_t now_usec);

/* Has an exchange ended since the request began, and is no other about to follow on its heels? */
bool token_request_outcome_known(const struct request *request, uint64_t now_usec);

/* Notes what there is, to tell by it whether there is news. */
void token_request_remember(struct request *request, uint64_t now_usec);

/* How long a report or an operator's refresh waits for the outcome: an exchange, and one more with the next
 * key. */
#define TOKEN_OUTCOME_WAIT_USEC UINT64_C(40000000)
