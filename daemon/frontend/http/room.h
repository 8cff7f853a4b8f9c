/* Room for connections: made where that costs nobody an answer, and waited for elsewhere.
 *
 * At a user's limit, its longest idle connection ends for its new one. Where all places are taken, a
 * connection of one who has shown no right ends, else likewise the user's own. No user's connection ends for
 * another user's otherwise. */
#pragma once

#include "daemon/frontend/http/connections.h"

/* An idle connection ends. Its client may be sending just now: a request that has come, or comes before the
 * end, is answered first, and the connection ends with that, or a second later. Returns whether nothing more
 * can come. */
bool room_end_idle(struct connection *connection, uint64_t now_usec);

/* The kind that a new connection of this user counts as from now on, having made room for it; PLACE_NONE: it
 * cannot even be parked. */
enum admission_place room_enter(struct connections *connections, struct admission_user *user,
                                uint64_t now_usec);

/* Has the connection got a place? One that was taken in without is given one, if there is room or some can
 * be made, and has it for good. To be asked when a request needs it, of a caller who has shown a right:
 * health answers need no place, and a stranger has to go for it. */
bool room_find(struct connection *connection, uint64_t now_usec);

/* The request waits for a place, or goes on waiting. False: it has waited for long enough. */
bool room_wait(struct request *request, uint64_t now_usec);

/* Does another connection of its user wait for its place? Then the next answer is its last one. */
bool room_is_wanted(const struct connection *connection);

/* Takes over what was parked, counted as this from now on. */
typedef void room_take_in(struct connections *connections, struct parked *parked,
                          struct admission_user *user, enum admission_place holds, void *userdata);

/* Gives places to those who wait, if there may be any now. Not to be called from within libmicrohttpd. */
void room_settle(struct connections *connections, uint64_t now_usec, room_take_in *take_in, void *userdata);
