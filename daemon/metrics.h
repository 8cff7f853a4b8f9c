/* GET /metrics: numbers in the Prometheus text format, version 0.0.4. No secrets, no account names. */
#pragma once

#include "daemon/answer.h"
#include "daemon/api.h"

struct answer metrics_answer(const struct api *api, uint64_t now_usec);
