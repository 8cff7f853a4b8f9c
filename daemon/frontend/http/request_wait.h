/* Requests that wait for something. */
#pragma once

#include "daemon/frontend/http/request.h"

/* Puts the request aside, from within on_request only; on_request is called again after request_resume(), or
 * when the time has come. */
void request_wait(struct request *request, uint64_t until_usec);

/* There is news for a request that waits. Harmless for another. */
void request_resume(struct request *request);
