/* libmicrohttpd as a guest of the sd-event loop.
 *
 * Its epoll descriptor is one I/O source; a "more to do" source runs it again when it says so or when a
 * suspended connection was resumed. A request's handler is called by libmicrohttpd first with the head
 * alone, then with pieces of the body, then once more: it is answered at the last call, as an answer at the
 * first one makes libmicrohttpd close the connection. */
#include "daemon/frontend/http/http_server.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/drain.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_USEC (10 * USEC_PER_SEC)
#define SEND_USEC    (10 * USEC_PER_SEC)
#define IDLE_USEC    (30 * USEC_PER_SEC)
/* For libmicrohttpd, which clears one and a half times as much with each request. Heads of 4 KiB fit in; the
 * answer to larger ones is 431. Less would be no faster: see doc/internals/speed.md. */
#define CONNECTION_MEMORY 6144

struct http_server {
        struct MHD_Daemon *mhd;
        struct http_handler handler;
        sd_event *event;
        sd_event_source *io, *more;
        struct connections connections;
        uint64_t now_usec; /* of this turn of the loop, for deadlines */
        struct drain drain;
};

/* ---- running libmicrohttpd ---- */

static void run_again(struct http_server *server)
{
        (void)sd_event_source_set_enabled(server->more, SD_EVENT_ONESHOT);
}

static void run(struct http_server *server)
{
        MHD_UNSIGNED_LONG_LONG timeout_ms;

        server->now_usec = clock_now_usec();
        (void)MHD_run(server->mhd);
        if (MHD_get_timeout(server->mhd, &timeout_ms) == MHD_YES && timeout_ms == 0) {
                run_again(server); /* once all others had their turn */
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        run(userdata);
        return 0;
}

static int on_more(sd_event_source *source, void *userdata)
{
        run(userdata);
        return 0;
}

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
        request_resume((struct request *)((char *)waiter - offsetof(struct request, waiter)));
}

void request_resume(struct request *request)
{
        struct connection *connection = request->connection;

        if (connection->state == CONNECTION_WAITING) {
                waiter_cancel(&request->waiter);
                set_transfer(connection, CONNECTION_SENDING, clock_now_usec(), SEND_USEC);
                MHD_resume_connection(connection->mhd);
                run_again(connection->server);
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
                set_transfer(connection, CONNECTION_RECEIVING, connection->server->now_usec, RECEIVE_USEC);
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
                connection->quiet_since_usec = server->now_usec;
                set_deadline(connection, CONNECTION_IDLE,
                             usec_add(server->now_usec, server->drain.begun ? DRAIN_QUIET_USEC : IDLE_USEC));
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
        run(server);
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
        if (MHD_add_connection(server->mhd, fd, NULL, 0) != MHD_YES) {
                /* libmicrohttpd has closed the socket; had it told of the connection, it has told of its end
                 * too. */
                connection = connections_take_new(&server->connections, fd);
                if (connection) {
                        (void)remove_connection(server, connection);
                }
                return;
        }
        run_again(server);
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

static void ignore_log(void *userdata, const char *format, va_list arguments)
{
        /* libmicrohttpd tells of clients' nonsense, with its bytes: nothing for a log. */
}

/* "Turbo" reads a new connection at once, before it asks epoll, and closes without shutdown(). */
static int start_mhd(struct http_server *server)
{
        /* Just a number to libmicrohttpd: the real limits are the admission's, and may change on reload. */
        unsigned room = 65536 + ADMISSION_RESERVE;

        server->mhd = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
                NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
                MHD_OPTION_CONNECTION_LIMIT, room, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT,
                1, MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
        return server->mhd ? 0 : -EIO;
}

static int add_sources(struct http_server *server)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD);
        int r;

        if (!info || info->epoll_fd < 0) {
                return -EIO;
        }
        r = sd_event_add_io(server->event, &server->io, info->epoll_fd, EPOLLIN, on_io, server);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_defer(server->event, &server->more, on_more, server);
        if (r < 0) {
                return r;
        }
        /* To sd-event a deferred source is the one that waits longest, always: with the same priority it
         * would come before new connections, timers and signals for as long as clients keep it busy. */
        r = sd_event_source_set_priority(server->more, SD_EVENT_PRIORITY_NORMAL + 1);
        if (r < 0) {
                return r;
        }
        r = sd_event_source_set_enabled(server->more, SD_EVENT_OFF);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(server->io, "http");
        (void)sd_event_source_set_description(server->more, "http more");
        return 0;
}

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
        if (r >= 0) {
                r = start_mhd(server);
        }
        if (r >= 0) {
                r = add_sources(server);
        }
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
                        MHD_resume_connection(connection->mhd);
                }
        }
        drain_clear(&server->drain);
        if (server->mhd) {
                MHD_stop_daemon(server->mhd);
        }
        sd_event_source_disable_unref(server->io);
        sd_event_source_disable_unref(server->more);
        sd_event_unref(server->event);
        connections_clear(&server->connections);
        free(server);
        return NULL;
}
