/* The way of a new connection. */
#include "daemon/frontend/http/entrance.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/request_wait.h"
#include "daemon/frontend/http/room.h"
#include "daemon/frontend/http/unix_sockets.h"
#include "lib/util.h"

#include <unistd.h>

static void on_news(struct waiter *waiter)
{
        request_resume(container_of(waiter, struct request, waiter));
}

/* Takes in one that is counted already. */
static void take_in(struct connections *connections, struct mhd_loops *loops, int fd, struct peer *peer,
                    const struct listen_place *place, struct admission_user *user,
                    enum admission_place holds)
{
        struct mhd_loop *loop = mhd_loops_choose(loops, fd, peer->known, peer->uid);
        struct connection *connection = connections_add(connections, fd, peer, place, user, holds);

        if (!connection) {
                admission_give(&connections->admission, user, holds);
                peer_clear(peer);
                (void)close(fd);
                return;
        }
        unix_sockets_note(fd, !place->tcp);
        connection->loop = loop;
        connection->request.waiter.on_news = on_news;
        connection->quiet_since_usec = clock_now_usec();
        connections_expect_transfer(connections, connection, CONNECTION_RECEIVING,
                                    connection->quiet_since_usec);
        if (!mhd_loop_add(loop, fd)) {
                /* Had libmicrohttpd told of the connection, it has told of its end too. */
                connection = connections_take_new(connections, fd);
                if (connection) {
                        (void)connections_remove(connections, connection);
                }
        }
}

static void turn_away(struct connections *connections, int fd, struct peer *peer, uint64_t now_usec)
{
        peer_clear(peer);
        deadlines_note(&connections->deadlines,
                       parking_turn_away(&connections->parking, fd, connections->drain.begun, now_usec));
}

/* Parks one that is counted so. */
static void park(struct connections *connections, int fd, struct peer *peer,
                 const struct listen_place *place, struct admission_user *user, uint64_t now_usec)
{
        uint64_t until_usec = drain_wait_until(&connections->drain, usec_add(now_usec, PLACE_WAIT_USEC));

        if (parking_add(user, fd, peer, place, until_usec)) {
                deadlines_note(&connections->deadlines, until_usec);
                return;
        }
        admission_give(&connections->admission, user, PLACE_PARKED);
        turn_away(connections, fd, peer, now_usec);
}

void entrance_add(struct connections *connections, struct mhd_loops *loops, int fd, struct peer *peer,
                  const struct listen_place *place)
{
        uint64_t now_usec = clock_now_usec();
        struct admission_user *user = admission_user(&connections->admission, peer);

        if (!user) {
                turn_away(connections, fd, peer, now_usec);
                return;
        }
        enum admission_place holds = room_enter(connections, user, now_usec);
        if (holds == PLACE_NONE) {
                turn_away(connections, fd, peer, now_usec);
        } else if (holds == PLACE_PARKED) {
                park(connections, fd, peer, place, user, now_usec);
        } else {
                take_in(connections, loops, fd, peer, place, user, holds);
        }
        admission_give(&connections->admission, user, PLACE_NONE);
}

static void take_in_parked(struct connections *connections, struct parked *parked,
                           struct admission_user *user, enum admission_place holds, void *loops)
{
        take_in(connections, loops, parked->fd, &parked->peer, &parked->place, user, holds);
        free(parked);
}

void entrance_settle(struct connections *connections, struct mhd_loops *loops)
{
        if (connections->stirred) {
                room_settle(connections, clock_now_usec(), take_in_parked, loops);
        }
}
