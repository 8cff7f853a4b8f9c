/* A head that is too large for libmicrohttpd: a connection's memory is for the heads of a request and of its
 * answer, and how much there is of it is decided before either is known. But the request has been carried
 * out by then, so its answer must get through. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

/* Would libmicrohttpd have no room for so many bytes of headers? It would close the connection. */
bool transfer_ahead_wanted(const struct transfer *transfer, size_t length);

/* Is this header among those that are sent ahead? */
bool transfer_ahead_has(const char *name);

/* Sends them. 0: all is sent, and libmicrohttpd is to go on with the others. -EAGAIN: there is no room in
 * the socket; it is to be called again. Else negative errno: the connection is of no use. */
int transfer_ahead_send(struct transfer *transfer);
