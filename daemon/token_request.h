/* The requests that concern one environment's token: get it, report it, renew it. */
#pragma once

#include "daemon/api.h"

/* GET /v1/{environment}/token */
void token_request_get(struct api *api, struct request *request, uint64_t now_usec);

/* POST /v1/{environment}/token/rejected */
void token_request_rejected(struct api *api, struct request *request, uint64_t now_usec);

/* POST /v1/{environment}/refresh */
void token_request_refresh(struct api *api, struct request *request, uint64_t now_usec);

/* POST /{environment}/rest/v1/app/session/token, as the EQP API itself */
void token_request_session(struct api *api, struct request *request, uint64_t now_usec);
