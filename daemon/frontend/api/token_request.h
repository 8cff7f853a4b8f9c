/* The requests that concern one environment's token: get it, report it, renew it. */
#pragma once

#include "daemon/frontend/api/api.h"

/* GET /v1/{environment}/token */
void token_request_get(struct api *api, struct request *request, uint64_t now_usec);

/* POST /v1/{environment}/token/rejected */
void token_request_rejected(struct api *api, struct request *request, uint64_t now_usec);

/* POST /v1/{environment}/refresh */
void token_request_refresh(struct api *api, struct request *request, uint64_t now_usec);

/* How the token is written down. */
typedef void (*token_serve_fn)(struct api *api, struct request *request, struct session *session,
                               uint64_t now_usec);

/* Serves a token with request->min_ttl_sec of life left, or says why there is none, or waits until
 * request->wait_until_usec. */
void token_request_serve(struct api *api, struct request *request, uint64_t now_usec, token_serve_fn serve);

/* Is it called for the first time for this request? (Else something that it waited for may have come.) */
bool token_request_is_new(const struct request *request);
