/* The unit of a caller on a unix socket: the kernel tells which control group the process is in that made
 * the connection, and the keeper which unit has that. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "daemon/frontend/known/known_units.h"

/* How old a unit may be that a right rests on: a process may be put elsewhere, or end. */
#define PEER_UNIT_KEPT_USEC UINT64_C(1000000)
/* To be tried again after this, where a user has too many questions open. */
#define PEER_UNIT_BUSY_USEC UINT64_C(50000)

/* 0: *ret is its unit now, "" if it is in none that a rule names. -EAGAIN: the keeper is asked, and the
 * waiter told. -EBUSY: to be asked again in PEER_UNIT_BUSY_USEC. -EOPNOTSUPP: the kernel does not tell.
 * -ESRCH: there is no such process any more, or none that can be seen from here. Else negative errno. */
int peer_unit_find(const struct peer *peer, struct known_units *units, uint64_t now_usec,
                   struct waiter *waiter, char ret[static UNIT_NAME_MAX + 1]);

/* The meaning of one of those errors to a caller without another right: a clause with a cure, or NULL. */
const char *peer_unit_obstacle(int error);
