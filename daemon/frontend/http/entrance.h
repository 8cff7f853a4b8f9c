/* The way of a new connection: it is taken in, parked, or answered that there is no room. */
#pragma once

#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/mhd_loops.h"

/* Takes over an accepted socket and what is known of its peer, in any case. */
void entrance_add(struct connections *connections, struct mhd_loops *loops, int fd, struct peer *peer,
                  const struct listen_place *place);

/* Takes in those that were parked, and goes on with requests that wait for a place, if there is room for
 * them now. Not to be called from within libmicrohttpd. */
void entrance_settle(struct connections *connections, struct mhd_loops *loops);
