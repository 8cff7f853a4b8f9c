/* All connections there are. */
#include "daemon/frontend/http/connections.h"

#include "lib/util.h"

#include <errno.h>
#include <malloc.h>

/* After a crowd of so many has gone, its memory goes back to the system. */
#define CROWD         256
#define TRANSFER_USEC (10 * USEC_PER_SEC)

void connections_expect(struct connections *connections, struct connection *connection,
                        enum connection_state state, uint64_t deadline_usec)
{
        connection->state = state;
        connection->deadline_usec = deadline_usec;
        ring_remove(&connection->ring);
        if (state == CONNECTION_IDLE && connection->user) {
                ring_add_last(&connection->user->idle, &connection->ring);
        }
        deadlines_note(&connections->deadlines, deadline_usec);
}

void connections_expect_transfer(struct connections *connections, struct connection *connection,
                                 enum connection_state state, uint64_t now_usec)
{
        connections_expect(
                connections, connection, state,
                drain_transfer_until(&connections->drain, usec_add(now_usec, TRANSFER_USEC), now_usec));
}

/* ---- coming and going ---- */

static int make_table(struct connections *connections, int fd)
{
        if ((size_t)fd < connections->n_by_fd) {
                return 0;
        }
        size_t n = MAX_OF(((size_t)fd + 1) * 2, (size_t)64);
        struct connection **by_fd = reallocarray(connections->by_fd, n, sizeof(*by_fd));
        if (!by_fd) {
                return -ENOMEM;
        }
        memset(by_fd + connections->n_by_fd, 0, (n - connections->n_by_fd) * sizeof(*by_fd));
        connections->by_fd = by_fd;
        connections->n_by_fd = n;
        return 0;
}

void connection_leave_place(struct connection *connection)
{
        enum admission_place held = connection->holds;

        if (held != PLACE_NONE) {
                connection->holds = PLACE_NONE;
                connection->connections->stirred = true;
                ring_remove(&connection->ring);
                admission_give(&connection->connections->admission, take_ptr(connection->user), held);
        }
}

struct connection *connections_add(struct connections *connections, int fd, const struct peer *peer,
                                   const struct listen_place *place, struct admission_user *user,
                                   enum admission_place holds)
{
        _cleanup_free_ struct connection *connection = calloc(1, sizeof(*connection));

        if (!connection || make_table(connections, fd) < 0) {
                return NULL;
        }
        connection->connections = connections;
        connection->fd = fd;
        connection->caller.peer = *peer;
        connection->place = *place;
        connection->user = user;
        connection->holds = holds;
        connection->deadline_usec = USEC_NEVER;
        connection->request.connection = connection;
        connection->next = connections->first;
        connection->link = &connections->first;
        if (connection->next) {
                connection->next->link = &connection->next;
        }
        connections->first = connection;
        connections->n++;
        connections->n_peak = MAX_OF(connections->n_peak, connections->n);
        connections->by_fd[fd] = connection;
        return take_ptr(connection);
}

struct connection *connections_take_new(struct connections *connections, int fd)
{
        if (fd < 0 || (size_t)fd >= connections->n_by_fd) {
                return NULL;
        }
        return take_ptr(connections->by_fd[fd]);
}

/* The heap keeps what was freed; idle, that would be the most of our memory. */
static void give_memory_back(struct connections *connections)
{
        if (connections->n_peak >= CROWD && connections->n <= connections->n_peak / 8) {
                connections->n_peak = connections->n;
                (void)malloc_trim(0);
        }
}

struct connection *connections_remove(struct connections *connections, struct connection *connection)
{
        request_clear(&connection->request);
        if (connection->guest) {
                connection->guest->on_end(connection->guest);
        }
        *connection->link = connection->next;
        if (connection->next) {
                connection->next->link = connection->link;
        }
        connections->n--;
        connection_leave_place(connection);
        peer_clear(&connection->caller.peer);
        caller_clear(&connection->caller);
        free(connection);
        if (connections->n == 0 && connections->admission.n[PLACE_PARKED] == 0 &&
            connections->parking.n_leaving == 0) {
                deadlines_forget(&connections->deadlines);
        }
        give_memory_back(connections);
        return NULL;
}

int connections_init(struct connections *connections, sd_event *event, const struct http_limits *limits,
                     uint64_t (*look)(uint64_t now_usec, void *userdata), void *userdata)
{
        admission_init(&connections->admission, limits);
        parking_init(&connections->parking);
        return deadlines_init(&connections->deadlines, event, look, userdata);
}

void connections_clear(struct connections *connections)
{
        deadlines_clear(&connections->deadlines);
        if (connections->parking.leaving.next) {
                (void)parking_end(&connections->parking, &connections->admission, /* unix_only= */ false,
                                  /* stopping= */ true, /* now_usec= */ 0);
                parking_clear(&connections->parking);
        }
        admission_clear(&connections->admission);
        free(connections->by_fd);
}
