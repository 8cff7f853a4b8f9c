/* Requests that wait for something. */
#include "daemon/frontend/http/request_wait.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/mhd_loop.h"

void request_wait(struct request *request, uint64_t until_usec)
{
        struct connection *connection = request->connection;
        struct connections *connections = connection->connections;

        request->wait_until_usec = drain_wait_until(&connections->drain, until_usec);
        request->cut_short = request->wait_until_usec < until_usec;
        connections_expect(connections, connection, CONNECTION_WAITING, request->wait_until_usec);
}

void request_resume(struct request *request)
{
        struct connection *connection = request->connection;

        if (connection->state == CONNECTION_WAITING) {
                waiter_cancel(&request->waiter);
                connections_expect_transfer(connection->connections, connection, CONNECTION_SENDING,
                                            clock_now_usec());
                mhd_loop_resume(connection->loop, connection->mhd);
        }
}
