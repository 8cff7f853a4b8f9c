/* admin: the admin listener's requests: looking at the environments and telling them what to do. */
#pragma once

#include "simulator/admin_call.h"

struct request;

/* An http_decide_t; `userdata` is the struct admin. */
int admin_decide(struct request *request, struct answer **ret, void *userdata);

/* Bodies of admin requests may be so long. */
#define ADMIN_BODY_MAX (1024 * 1024)
