/* POST /v1/reload: has configuration and keys read again, and tells the outcome. */
#pragma once

#include "daemon/frontend/api/api_state.h"

void reload_request(struct api *api, struct request *request, uint64_t now_usec);
