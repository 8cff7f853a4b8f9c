/* POST /v1/{environment}/refresh. */
#pragma once

#include "daemon/frontend/api/api_state.h"

void refresh_request(struct api *api, struct request *request, uint64_t now_usec);
