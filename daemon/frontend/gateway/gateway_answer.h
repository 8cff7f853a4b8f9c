/* The gateway's own errors: in the upstream's shape, {"code":…,"message":…}, with the header EQP-Error that
 * upstreams do not send. */
#pragma once

#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/request.h"

/* Answers the request. retry_after_sec: or ANSWER_NO_RETRY. */
void gateway_answer(struct request *request, unsigned status, const char *slug, const char *message,
                    uint32_t retry_after_sec);
