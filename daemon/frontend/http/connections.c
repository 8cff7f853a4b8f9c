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

static int make_room(struct connections *connections, int fd)
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

/* Of those whose caller has shown no right so far, the one that has been there longest. */
static struct connection *find_stranger(struct connections *connections)
{
        struct connection *found = NULL;

        for (struct connection *at = connections->first; at; at = at->next) {
                if (at->counted && !at->over_limit && !caller_has_right(&at->caller) &&
                    (at->state == CONNECTION_RECEIVING || at->state == CONNECTION_IDLE)) {
                        found = at; /* the newest comes first */
                }
        }
        return found;
}

/* Where all places are taken, a stranger has to go: one who may take on many uids could keep everybody else
 * out. */
static void make_place(struct connections *connections, const struct peer *peer)
{
        struct connection *stranger =
                admission_full_for(&connections->admission, peer) ? find_stranger(connections) : NULL;

        if (stranger) {
                connection_end(stranger);
                admission_leave(&connections->admission, &stranger->caller.peer, stranger->over_limit);
                stranger->counted = false;
        }
}

/* Counts a new connection in. */
static bool enter(struct connections *connections, const struct peer *peer, bool *ret_over)
{
        make_place(connections, peer);
        return admission_enter(&connections->admission, peer, ret_over);
}

bool connection_find_place(struct connection *connection)
{
        struct connections *connections = connection->connections;

        if (connection->over_limit) {
                make_place(connections, &connection->caller.peer);
                connection->over_limit =
                        !admission_promote(&connections->admission, &connection->caller.peer);
        }
        return !connection->over_limit;
}

struct connection *connections_add(struct connections *connections, int fd, struct peer *peer,
                                   const struct listen_place *place)
{
        _cleanup_free_ struct connection *connection = calloc(1, sizeof(*connection));
        bool over = false;

        if (!connection || make_room(connections, fd) < 0 || !enter(connections, peer, &over)) {
                peer_clear(peer);
                return NULL;
        }
        connection->connections = connections;
        connection->fd = fd;
        connection->caller.peer = *peer;
        connection->place = *place;
        connection->counted = true;
        connection->over_limit = over;
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
        *connection->link = connection->next;
        if (connection->next) {
                connection->next->link = connection->link;
        }
        connections->n--;
        if (connection->counted) {
                admission_leave(&connections->admission, &connection->caller.peer, connection->over_limit);
        }
        peer_clear(&connection->caller.peer);
        free(connection);
        if (connections->n == 0) {
                deadlines_forget(&connections->deadlines);
        }
        give_memory_back(connections);
        return NULL;
}

int connections_init(struct connections *connections, sd_event *event, const struct http_limits *limits,
                     uint64_t (*look)(uint64_t now_usec, void *userdata), void *userdata)
{
        connections->admission.limits = *limits;
        return deadlines_init(&connections->deadlines, event, look, userdata);
}

void connections_clear(struct connections *connections)
{
        deadlines_clear(&connections->deadlines);
        admission_clear(&connections->admission);
        free(connections->by_fd);
}
