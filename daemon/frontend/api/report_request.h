/* POST /v1/{environment}/token/rejected. */
#pragma once

#include "daemon/frontend/api/api_state.h"

void report_request(struct api *api, struct request *request, uint64_t now_usec);
