/* A connection, and the request that is being handled on it. */
#include "daemon/frontend/http/connection.h"

#include "lib/names.h"
#include "lib/util.h"

#include <sys/socket.h>

void connection_end(struct connection *connection)
{
        ring_remove(&connection->ring);
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

struct audit_caller connection_caller(const struct connection *connection)
{
        const struct guard_facts *facts = &connection->request.facts;
        bool named = facts->n_clients == 1 && client_name_valid(facts->client, strlen(facts->client));

        const struct local_key *key = connection->request.carried.key;

        return (struct audit_caller){ .peer = &connection->caller.peer,
                                      .client = named ? facts->client : NULL,
                                      .local = key ? key->name : NULL };
}
