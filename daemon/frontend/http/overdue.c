/* Connections whose time is over, or is to be shorter. */
#include "daemon/frontend/http/overdue.h"

#include "daemon/frontend/http/early.h"
#include "daemon/frontend/http/plain_answer.h"
#include "daemon/frontend/http/request_wait.h"
#include "daemon/frontend/http/room.h"
#include "lib/util.h"

/* It takes no more of a request that it has not got by now. */
static void end_receiving(struct connection *connection)
{
        if (connection->request.body_too_large) {
                plain_answer_too_large(connection->fd);
        } else {
                early_stalled(connection);
        }
        connection_end(connection);
}

uint64_t overdue_look(struct connections *connections, uint64_t now_usec)
{
        uint64_t next = USEC_NEVER;

        for (struct connection *connection = connections->first, *following; connection;
             connection = following) {
                following = connection->next;
                if (connection->deadline_usec <= now_usec) {
                        switch (connection->state) {
                        case CONNECTION_WAITING:
                                request_resume(&connection->request);
                                break;
                        case CONNECTION_IDLE:
                                (void)room_end_idle(connection, now_usec);
                                break;
                        case CONNECTION_RECEIVING:
                                end_receiving(connection);
                                break;
                        default:
                                connection_end(connection);
                                break;
                        }
                }
                next = MIN_OF(next, connection->deadline_usec);
        }
        return next;
}

static void shorten(struct connections *connections, struct connection *connection, uint64_t now_usec)
{
        const struct drain *drain = &connections->drain;

        if (connection->state == CONNECTION_WAITING) {
                request_wait(&connection->request, connection->request.wait_until_usec);
        } else if (connection_between_requests(connection)) {
                connections_expect(
                        connections, connection, CONNECTION_IDLE,
                        drain_quiet_until(drain, connection->quiet_since_usec, connection->deadline_usec));
        } else if (connection->state == CONNECTION_RECEIVING || connection->state == CONNECTION_SENDING) {
                connections_expect(connections, connection, connection->state,
                                   drain_transfer_until(drain, connection->deadline_usec, now_usec));
        }
}

void overdue_shorten(struct connections *connections, uint64_t now_usec)
{
        for (struct connection *connection = connections->first; connection; connection = connection->next) {
                shorten(connections, connection, now_usec);
        }
}
