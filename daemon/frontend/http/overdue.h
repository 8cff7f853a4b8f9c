/* Connections whose time is over, or is to be shorter. */
#pragma once

#include "daemon/frontend/http/connections.h"

/* Deals with those whose deadline has passed: a request that waits is resumed, any other connection ended;
 * an idle one is left to say what it is saying just now, and ended then. Returns the next deadline. */
uint64_t overdue_look(struct connections *connections, uint64_t now_usec);

/* The end has begun: connections that last longer than they may now are given new deadlines. */
void overdue_shorten(struct connections *connections, uint64_t now_usec);
