/* Connections that are held unread: those that wait for a place, and those that were told that there is none
 * and are to see that before they are closed. Each is a small struct and a descriptor. */
#pragma once

#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/http/drain.h"
#include "daemon/frontend/http/guard.h"

/* How long a place is waited for; as long as a request may be on its way. */
#define PLACE_WAIT_USEC (10 * USEC_PER_SEC)

struct parked {
        struct ring link; // admission_user::parked, parking::leaving
        struct peer peer;
        struct listen_place place;
        int fd;
        uint64_t until_usec;
};

struct parking {
        struct ring leaving;
        unsigned n_leaving;
        uint64_t n_turned_away; /* so far */
};

void parking_init(struct parking *parking);
/* Closes those that are leaving. */
void parking_clear(struct parking *parking);

/* Parks a connection that is counted as parked. Takes peer and descriptor over. False: no memory; they stay
 * the caller's. */
bool parking_add(struct admission_user *user, int fd, const struct peer *peer,
                 const struct listen_place *place, uint64_t until_usec);

/* The user's one that came first: its remains are the caller's, to be freed. It is still counted as
 * parked. NULL: there is none. */
struct parked *parking_take(struct admission_user *user);

/* Says that there is no room, and closes a moment later: at once, what the client is sending just now would
 * meet a closed socket, and the reset might overtake the answer. Takes the descriptor over. stopping: the
 * daemon is. Returns when parking_look() is to be called at the latest. */
uint64_t parking_turn_away(struct parking *parking, int fd, bool stopping, uint64_t now_usec);

/* Turns away those whose time is over, and closes those that were. Returns when the next one's is, or
 * USEC_NEVER. */
uint64_t parking_look(struct parking *parking, struct admission *admission, const struct drain *drain,
                      uint64_t now_usec);

/* Turns away all that are parked, or those alone that came in by a unix socket. Returns as
 * parking_turn_away(). */
uint64_t parking_end(struct parking *parking, struct admission *admission, bool unix_only, bool stopping,
                     uint64_t now_usec);
