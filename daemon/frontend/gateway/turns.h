/* Which request may use a lane next: so many requests at a time in all, and so many of each user with each
 * local key. Those that find no room wait; each waiting user is served in turn, however many requests each
 * of them has. Pure. */
#pragma once

#include "daemon/base/ring.h"
#include "lib/names.h"

#include <stdint.h>
#include <sys/types.h>

#define TURNS_EACH_MAX 16

struct turn_owner;

/* Embedded in a request; zeroed: it has no turn, and waits for none. */
struct turn {
        struct ring ring; /* turn_owner::waiting */
        struct turn_owner *owner;
        bool has; /* it may use a lane */
};

struct turns {
        struct ring owners; /* those that are using lanes, or wait for it */
        unsigned max;       /* how many may use lanes at a time */
        unsigned n, n_waiting;
};

void turns_init(struct turns *turns);

/* Enters: it may use a lane at once (turn->has), or waits. local: the name of the local key; "": none.
 * -ENOMEM: neither. */
int turns_enter(struct turns *turns, struct turn *turn, uid_t uid, const char *local);

/* Leaves, from wherever it is. Harmless for one that is nowhere. turns_next() is to be asked then. */
void turns_leave(struct turns *turns, struct turn *turn);

/* The next one that may use a lane, and does from now on; NULL: nobody may. */
struct turn *turns_next(struct turns *turns);
