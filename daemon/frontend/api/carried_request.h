/* Rights that a request carries instead of its caller's: a local key, or the opaque token of one. */
#pragma once

#include "daemon/frontend/api/api_state.h"

/* Is this a path where a local key counts, or on TCP has to be there? Then carried_request_look() says who
 * may go on, else the caller's rights do. */
bool carried_request_counts(const struct request *request);

/* Looks at it, and notes it in request->carried: once the guard has let the request pass. environment: that
 * the path names; "" if it names none. False: answered. */
bool carried_request_look(struct api *api, struct request *request, const char *environment,
                          uint64_t now_usec);

/* The rights of the request: by its local key, if it carries one, else by its caller. A bit per environment.
 */
uint32_t carried_request_may_use(const struct api *api, const struct request *request);

/* 401, with the challenge that such an answer has to have: the kind of credential for this path. */
void carried_request_refuse(struct api *api, struct request *request, const struct carried_key *refused,
                            uint64_t now_usec);
