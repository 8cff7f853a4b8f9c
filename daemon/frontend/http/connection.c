/* A connection, and the request that is being handled on it. */
#include "daemon/frontend/http/connection.h"

#include "lib/util.h"

#include <sys/socket.h>

void connection_end(struct connection *connection)
{
        connection->state = CONNECTION_CLOSING;
        connection->deadline_usec = USEC_NEVER;
        (void)shutdown(connection->fd, SHUT_RDWR);
}

bool connection_between_requests(const struct connection *connection)
{
        const struct request *request = &connection->request;

        return connection->state == CONNECTION_IDLE ||
               (connection->state == CONNECTION_RECEIVING && request->target[0] == '\0' &&
                !request->target_too_long);
}
