/* Room for connections. */
#include "daemon/frontend/http/room.h"

#include "daemon/frontend/http/plain_answer.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/util.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

/* For what came before an idle connection ended. It is read in this turn of the loop or the next, unless its
 * client reads no answers: then libmicrohttpd reads nothing either. */
#define LEFT_USEC (1 * USEC_PER_SEC)

/* ---- ending ---- */

static bool is_sending(const struct connection *connection)
{
        int unread = 0;

        return ioctl(connection->fd, FIONREAD, &unread) == 0 && unread > 0;
}

/* Over a unix socket the end of our reading is the end of its sending, and what came before it can still be
 * read; libmicrohttpd sees it at once, and closes. TCP does not tell it that, and libmicrohttpd closes at
 * the end of its turn only: data that came until then would be lost, so there both directions end at once.
 */
bool room_end_idle(struct connection *connection, uint64_t now_usec)
{
        bool sending = is_sending(connection);

        if (connection->place.tcp && !sending) {
                connection_end(connection);
                return true;
        }
        connections_expect(connection->connections, connection, CONNECTION_RECEIVING, now_usec + LEFT_USEC);
        if (sending) {
                return false;
        }
        connection->last = true;
        (void)shutdown(connection->fd, SHUT_RD);
        return !is_sending(connection);
}

/* The user's idle one that is counted as this and has been idle longest. */
static bool end_longest_idle(struct admission_user *user, enum admission_place holds, uint64_t now_usec)
{
        struct ring *at = ring_first(&user->idle), *following;

        for (; at; at = following) {
                struct connection *connection = container_of(at, struct connection, ring);
                following = ring_after(&user->idle, at);
                if (connection->holds == holds && !is_sending(connection) &&
                    room_end_idle(connection, now_usec)) {
                        connection_leave_place(connection);
                        return true;
                }
        }
        return false;
}

/* Of those whose caller has shown no right so far, the one that has been there longest. */
static bool end_stranger(struct connections *connections)
{
        struct connection *found = NULL;

        for (struct connection *at = connections->first; at; at = at->next) {
                if (at->holds == PLACE_WITHIN && !caller_has_right(&at->caller) &&
                    (at->state == CONNECTION_RECEIVING || at->state == CONNECTION_IDLE)) {
                        found = at; /* the newest comes first */
                }
        }
        if (!found) {
                return false;
        }
        if (found->state == CONNECTION_RECEIVING) {
                plain_answer_no_room(found->fd, /* stopping= */ false);
        }
        connection_end(found);
        connection_leave_place(found);
        return true;
}

/* ---- room ---- */

/* Where all places are taken, a stranger has to go: one who may take on many uids could keep everybody else
 * out. Otherwise it is one of the user's own. */
static bool make_room(struct connections *connections, struct admission_user *user, bool from_strangers,
                      uint64_t now_usec)
{
        struct admission *admission = &connections->admission;

        if (admission_has_room(admission, user)) {
                return true;
        }
        if (!(from_strangers && admission_full_for(admission, user) && end_stranger(connections)) &&
            !end_longest_idle(user, PLACE_WITHIN, now_usec)) {
                return false;
        }
        return admission_has_room(admission, user); /* narrower limits may need more than one */
}

/* In the reserve. */
static bool make_room_over(struct connections *connections, struct admission_user *user, uint64_t now_usec)
{
        return admission_take(&connections->admission, user, PLACE_OVER) ||
               (end_longest_idle(user, PLACE_OVER, now_usec) &&
                admission_take(&connections->admission, user, PLACE_OVER));
}

enum admission_place room_enter(struct connections *connections, struct admission_user *user,
                                uint64_t now_usec)
{
        struct admission *admission = &connections->admission;

        if (!admission_waits(user) && make_room(connections, user, /* from_strangers= */ true, now_usec) &&
            admission_take(admission, user, PLACE_WITHIN)) {
                return PLACE_WITHIN;
        }
        if (ring_is_empty(&user->parked) && make_room_over(connections, user, now_usec)) {
                return PLACE_OVER;
        }
        connections->stirred = true; /* the one ahead of this may have just left */
        return admission_take(admission, user, PLACE_PARKED) ? PLACE_PARKED : PLACE_NONE;
}

/* Gives one that was taken in without a place one that there is. */
static bool promote(struct connection *connection)
{
        struct admission *admission = &connection->connections->admission;

        if (!admission_take(admission, connection->user, PLACE_WITHIN)) {
                return false;
        }
        admission_give(admission, connection->user, PLACE_OVER);
        connection->holds = PLACE_WITHIN;
        connection->connections->stirred = true; /* there is room in the reserve */
        return true;
}

bool room_find(struct connection *connection, uint64_t now_usec)
{
        if (connection->holds == PLACE_OVER &&
            make_room(connection->connections, connection->user, /* from_strangers= */ true, now_usec)) {
                (void)promote(connection);
        }
        return connection->holds == PLACE_WITHIN;
}

bool room_wait(struct request *request, uint64_t now_usec)
{
        struct connection *connection = request->connection;
        bool cut_short = request->cut_short && now_usec >= request->wait_until_usec;

        if (request->place_until_usec == 0) {
                request->place_until_usec = usec_add(now_usec, PLACE_WAIT_USEC);
        }
        if (now_usec >= request->place_until_usec || cut_short || !connection->user) {
                return false;
        }
        request_wait(request, request->place_until_usec);
        ring_add_last(&connection->user->wanting, &connection->ring);
        return true;
}

bool room_is_wanted(const struct connection *connection)
{
        return connection->user && connection->holds == PLACE_WITHIN && admission_waits(connection->user);
}

/* ---- those who wait ---- */

/* One of this user's. Then others come first. */
static bool settle_one(struct connections *connections, struct admission_user *user, uint64_t now_usec,
                       room_take_in *take_in, void *userdata)
{
        struct ring *wanting = ring_first(&user->wanting);
        bool room = make_room(connections, user, /* from_strangers= */ false, now_usec);

        if (wanting && room) {
                struct connection *connection = container_of(wanting, struct connection, ring);
                ring_add_last(&connections->admission.users, &user->link);
                (void)promote(connection);
                request_resume(&connection->request);
                return true;
        }
        if (ring_is_empty(&user->parked)) {
                return false;
        }
        enum admission_place holds = room ? PLACE_WITHIN : PLACE_OVER;
        if (room ? !admission_take(&connections->admission, user, PLACE_WITHIN)
                 : !make_room_over(connections, user, now_usec)) {
                return false;
        }
        ring_add_last(&connections->admission.users, &user->link);
        struct parked *parked = parking_take(user);
        admission_give(&connections->admission, user, PLACE_PARKED);
        take_in(connections, parked, user, holds, userdata);
        return true;
}

void room_settle(struct connections *connections, uint64_t now_usec, room_take_in *take_in, void *userdata)
{
        struct ring *users = &connections->admission.users, *following;
        bool again = connections->stirred;

        connections->stirred = false;
        while (again) {
                again = false;
                for (struct ring *at = ring_first(users); at; at = following) {
                        struct admission_user *user = container_of(at, struct admission_user, link);
                        following = ring_after(users, at);
                        if (admission_waits(user)) {
                                admission_hold(user);
                                again |= settle_one(connections, user, now_usec, take_in, userdata);
                                admission_give(&connections->admission, user, PLACE_NONE);
                        }
                }
        }
}
