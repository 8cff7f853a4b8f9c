/* The HTTP server: what libmicrohttpd tells, and what becomes of it.
 *
 * A request's handler is called by libmicrohttpd first with the head alone, then with pieces of the body,
 * then once more: it is answered at the last call, as an answer at the first one makes libmicrohttpd close
 * the connection. */
#include "daemon/frontend/http/http_server.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/drain.h"
#include "daemon/frontend/http/mhd_loop.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_USEC (10 * USEC_PER_SEC)
#define SEND_USEC    (10 * USEC_PER_SEC)
#define IDLE_USEC    (30 * USEC_PER_SEC)
/* Just a number to libmicrohttpd: the real limits are the admission's, and may change on reload. */
#define ROOM (65536 + ADMISSION_RESERVE)

struct http_server {
        struct http_handler handler;
        sd_event *event;
        struct mhd_loop *loop;
        struct connections connections;
        struct drain drain;
};

/* ---- requests ---- */

static void set_deadline(struct connection *connection, enum connection_state state, uint64_t usec)
{
        connections_expect(&connection->server->connections, connection, state, usec);
}

/* Something is on its way, and may be for so long. */
static void set_transfer(struct connection *connection, enum connection_state state, uint64_t now_usec,
                         uint64_t usec)
{
        set_deadline(connection, state,
                     drain_transfer_until(&connection->server->drain, usec_add(now_usec, usec), now_usec));
}

void request_wait(struct request *request, uint64_t until_usec)
{
        request->wait_until_usec = drain_wait_until(&request->connection->server->drain, until_usec);
        request->cut_short = request->wait_until_usec < until_usec;
        set_deadline(request->connection, CONNECTION_WAITING, request->wait_until_usec);
}

static void on_news(struct waiter *waiter)
{
        request_resume(container_of(waiter, struct request, waiter));
}

void request_resume(struct request *request)
{
        struct connection *connection = request->connection;

        if (connection->state == CONNECTION_WAITING) {
                waiter_cancel(&request->waiter);
                set_transfer(connection, CONNECTION_SENDING, clock_now_usec(), SEND_USEC);
                mhd_loop_resume(connection->server->loop, connection->mhd);
        }
}

/* libmicrohttpd knows the whole request line, still undecoded. */
static void *on_target(void *userdata, const char *target, struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct connection *connection = info ? info->socket_context : NULL;

        if (!connection) {
                return NULL;
        }
        if (connection->state == CONNECTION_IDLE) {
                set_transfer(connection, CONNECTION_RECEIVING, mhd_loop_now_usec(connection->server->loop),
                             RECEIVE_USEC);
        }
        request_take_target(&connection->request, target);
        return NULL;
}

/* Answers the request, or suspends it. */
static enum MHD_Result handle(struct request *request)
{
        struct connection *connection = request->connection;
        struct http_server *server = connection->server;
        uint64_t now_usec = clock_now_usec();

        set_transfer(connection, CONNECTION_SENDING, now_usec, SEND_USEC);
        server->handler.on_request(request, now_usec, server->handler.userdata);
        if (request->status == 0) {
                assert(connection->state == CONNECTION_WAITING);
                MHD_suspend_connection(connection->mhd);
                return MHD_YES;
        }
        return request_queue(request, connection->mhd, connection->last || server->drain.begun);
}

static enum MHD_Result on_access(void *userdata, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **request_context)
{
        struct request *request = *request_context;

        if (!request) {
                const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
                if (!info || !info->socket_context) {
                        return MHD_NO;
                }
                request = &((struct connection *)info->socket_context)->request;
                *request_context = request;
                if (request_take_head(request, mhd, method, version)) {
                        return MHD_YES;
                }
                /* Refused before the body is sent; the connection ends with that. */
        }
        if (*upload_data_size > 0) {
                if (!request_take_body(request, upload_data, *upload_data_size)) {
                        return MHD_NO; /* ends the connection */
                }
                *upload_data_size = 0;
                return MHD_YES;
        }
        return handle(request);
}

static void on_completed(void *userdata, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode why)
{
        struct request *request = *request_context;

        *request_context = NULL;
        if (!request) {
                return;
        }
        struct connection *connection = request->connection;
        request_clear(request);
        if (connection->state != CONNECTION_CLOSING) {
                const struct http_server *server = connection->server;
                /* libmicrohttpd closes it if that was the last answer; while draining, it may have been on
                 * its way already. */
                connection->quiet_since_usec = mhd_loop_now_usec(server->loop);
                set_deadline(connection, CONNECTION_IDLE,
                             usec_add(connection->quiet_since_usec,
                                      server->drain.begun ? DRAIN_QUIET_USEC : IDLE_USEC));
        }
}

/* ---- connections ---- */

static struct connection *remove_connection(struct http_server *server, struct connection *connection)
{
        connection = connections_remove(&server->connections, connection);
        drain_look(&server->drain, &server->connections);
        return connection;
}

static void on_connection(void *userdata, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
        struct http_server *server = userdata;

        if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
                if (*socket_context) {
                        *socket_context = remove_connection(server, *socket_context);
                }
                return;
        }
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct connection *connection =
                info ? connections_take_new(&server->connections, info->connect_fd) : NULL;
        if (connection) {
                connection->mhd = mhd;
                *socket_context = connection;
        }
}

void http_server_take_turn(struct http_server *server)
{
        mhd_loop_take_turn(server->loop);
}

void http_server_add(struct http_server *server, int fd, struct peer *peer, const struct guard_place *place)
{
        struct connection *connection = connections_add(&server->connections, fd, peer, place);

        if (!connection) {
                (void)close(fd);
                return;
        }
        connection->server = server;
        connection->request.waiter.on_news = on_news;
        connection->quiet_since_usec = clock_now_usec();
        set_deadline(connection, CONNECTION_RECEIVING, usec_add(connection->quiet_since_usec, RECEIVE_USEC));
        if (!mhd_loop_add(server->loop, fd)) {
                /* Had libmicrohttpd told of the connection, it has told of its end too. */
                connection = connections_take_new(&server->connections, fd);
                if (connection) {
                        (void)remove_connection(server, connection);
                }
        }
}

void http_server_forget_environments(struct http_server *server)
{
        for (struct connection *connection = server->connections.first; connection;
             connection = connection->next) {
                struct request *request = &connection->request;
                bool concerned = request->environment || !request->match.route;
                /* One that was resumed already has not had its turn yet, and would go on where it was. */
                if (request->status == 0 && concerned) {
                        request_resume(request);
                        request_forget_environment(request);
                }
        }
}

unsigned http_server_connections(const struct http_server *server)
{
        return server->connections.n;
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
        server->connections.admission.limits = *limits;
}

int http_server_drain(struct http_server *server, void (*done)(void *userdata), void *userdata)
{
        return drain_begin(&server->drain, server->event, &server->connections, done, userdata);
}

/* ---- life ---- */

static void free_server(struct http_server **server)
{
        *server = http_server_free(*server);
}

int http_server_new(struct http_server **ret, sd_event *event, const struct http_limits *limits,
                    const struct http_handler *handler)
{
        _cleanup_(free_server) struct http_server *server = calloc(1, sizeof(*server));
        if (!server) {
                return -ENOMEM;
        }
        server->event = sd_event_ref(event);
        server->handler = *handler;
        int r = connections_init(&server->connections, event, limits);
        if (r < 0) {
                return r;
        }
        const struct mhd_callbacks callbacks = { .on_target = on_target,
                                                 .on_access = on_access,
                                                 .on_completed = on_completed,
                                                 .on_connection = on_connection,
                                                 .userdata = server };
        r = mhd_loop_new(&server->loop, event, ROOM, &callbacks);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(server);
        return 0;
}

struct http_server *http_server_free(struct http_server *server)
{
        if (!server) {
                return NULL;
        }
        /* libmicrohttpd must not be stopped while connections are suspended. */
        for (struct connection *connection = server->connections.first; connection;
             connection = connection->next) {
                if (connection->state == CONNECTION_WAITING) {
                        waiter_cancel(&connection->request.waiter);
                        connection_end(connection);
                        mhd_loop_resume(server->loop, connection->mhd);
                }
        }
        drain_clear(&server->drain);
        server->loop = mhd_loop_free(server->loop);
        sd_event_unref(server->event);
        connections_clear(&server->connections);
        free(server);
        return NULL;
}
