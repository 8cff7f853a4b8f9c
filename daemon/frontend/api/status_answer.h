/* GET /v1/status and GET /readyz: the state of the environments in JSON. */
#pragma once

#include "daemon/frontend/api/api_state.h"
#include "daemon/frontend/http/answer.h"

/* The environments whose bit is set in may_use. */
struct answer status_answer(struct api *api, uint32_t may_use, uint64_t now_usec);

/* 200 if every configured environment has a living token, else 503 with which and why. */
struct answer ready_answer(const struct api *api, uint64_t now_usec);

/* Has every configured environment (and at least one is) a living token? */
bool api_ready(const struct api *api, uint64_t now_usec);
