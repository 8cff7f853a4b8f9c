/* Watches for the end of clients whose connections are suspended: libmicrohttpd does not.
 *
 * A connection is watched from its first transfer until it ends, since to begin and to stop are calls into
 * the kernel; it is told only while somebody wants to hear of it. */
#pragma once

#include "daemon/frontend/gateway/poll_set.h"
#include "daemon/frontend/http/connection.h"

/* on_end is called once, when the client has closed, at least its way to us; soon, if it has done so
 * already. Negative errno. */
int client_end_watch(struct poll_set *set, struct connection *connection, void (*on_end)(void *userdata),
                     void *userdata);

/* on_end will not be called any more. Harmless if it would not anyway. */
void client_end_forget(const struct connection *connection);
