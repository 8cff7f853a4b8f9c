/* POST /{environment}/rest/v1/app/session/token: the answer of the EQP API itself, for clients that are
 * not changed. */
#pragma once

#include "daemon/frontend/api/api_state.h"

void eqp_session_request(struct api *api, struct request *request, uint64_t now_usec);
