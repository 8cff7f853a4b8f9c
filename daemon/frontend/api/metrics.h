/* GET /metrics: numbers in the Prometheus text format, version 0.0.4. No secrets, no account names. */
#pragma once

#include "daemon/frontend/api/api_state.h"
#include "daemon/frontend/http/answer.h"

struct answer metrics_answer(struct api *api, uint64_t now_usec);
