/* GET /livez: does the daemon work? */
#pragma once

#include "daemon/frontend/api/api_state.h"

void live_request(struct api *api, struct request *request, uint64_t now_usec);
