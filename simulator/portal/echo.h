/* resources: what a session token opens: the account, uploads, and an echo of everything else. */
#pragma once

#include "simulator/answer.h"
#include "simulator/environment.h"

struct request;

/* Answers a request for the path below /rest/v1, checking its token first. Returns 0 or a negative errno. */
int resources_answer(struct environment *environment, const struct request *request, const char *path,
                     struct answer **ret);
