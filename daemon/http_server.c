/* libmicrohttpd as a guest of the sd-event loop.
 *
 * Its epoll descriptor is one I/O source; a "more to do" source runs it again when it says so or when a
 * suspended connection was resumed; one timer serves all deadlines. A request's handler is called by
 * libmicrohttpd first with the head alone, then with pieces of the body, then once more: it is answered at
 * the last call, as an answer at the first one makes libmicrohttpd close the connection. */
#include "daemon/http_server.h"

#include "daemon/answer.h"
#include "daemon/clock.h"
#include "daemon/user_counts.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_USEC      (10 * USEC_PER_SEC)
#define SEND_USEC         (10 * USEC_PER_SEC)
#define IDLE_USEC         (30 * USEC_PER_SEC)
#define CONNECTION_MEMORY 8192 /* for libmicrohttpd; measured: 4 to 8 KiB is fastest */
/* Beyond the limits, so that health checks are answered when all else is full. */
#define RESERVED           32
#define RESERVED_PER_USER  4
#define BODY_DISCARDED_MAX (1024 * 1024) /* of a body that is too large; then the connection ends */

struct http_server {
        struct MHD_Daemon *mhd;
        struct http_handler handler;
        struct http_limits limits;
        sd_event *event;
        sd_event_source *io, *more, *timer;
        uint64_t timer_usec; /* when the timer is set to; USEC_NEVER: it is off */
        uint64_t now_usec;   /* of this turn of the loop, for deadlines */
        struct connection *connections;
        struct connection **by_fd; /* new connections until libmicrohttpd has told of them */
        size_t n_by_fd;
        unsigned n_connections, n_over_limit;
        struct user_counts users, users_over_limit;
        bool draining;
        void (*drained)(void *userdata);
        void *drained_userdata;
};

/* ---- deadlines ---- */

static void set_timer(struct http_server *server, uint64_t usec)
{
        if (usec < server->timer_usec) {
                server->timer_usec = usec;
                (void)sd_event_source_set_time(server->timer, usec);
                (void)sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
        }
}

/* The timer is only ever set earlier here: a deadline that moved on is found out when it fires. */
static void set_deadline(struct connection *connection, enum connection_state state, uint64_t usec)
{
        connection->state = state;
        connection->deadline_usec = usec;
        set_timer(connection->server, usec);
}

static void end_connection(struct connection *connection)
{
        connection->state = CONNECTION_CLOSING;
        connection->deadline_usec = USEC_NEVER;
        (void)shutdown(connection->fd, SHUT_RDWR); /* libmicrohttpd sees the end, and closes */
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct http_server *server = userdata;
        uint64_t now_usec = clock_now_usec(), next = USEC_NEVER;

        (void)source;
        (void)usec;
        server->timer_usec = USEC_NEVER;
        for (struct connection *connection = server->connections, *following; connection;
             connection = following) {
                following = connection->next;
                if (connection->deadline_usec <= now_usec) {
                        if (connection->state == CONNECTION_WAITING) {
                                request_resume(&connection->request);
                        } else {
                                end_connection(connection);
                        }
                }
                next = MIN_OF(next, connection->deadline_usec);
        }
        set_timer(server, next);
        return 0;
}

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
                run_again(server); /* other sources get their turn in between */
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        (void)source;
        (void)fd;
        (void)events;
        run(userdata);
        return 0;
}

static int on_more(sd_event_source *source, void *userdata)
{
        (void)source;
        run(userdata);
        return 0;
}

/* ---- requests ---- */

static void clear_request(struct request *request)
{
        request->body = secret_free(request->body);
        waiter_cancel(&request->waiter);
        /* Not the whole: the target is long, and only what was written must be taken back. */
        request->target[0] = '\0';
        request->target_too_long = false;
        request->facts = (struct guard_facts){ 0 };
        request->body_length = 0;
        request->body_too_large = false;
        request->match.route = NULL;
        request->environment = NULL;
        request->wait_until_usec = 0;
        request->status = 0;
        request->response = NULL;
}

void request_answer(struct request *request, unsigned status, struct MHD_Response *response)
{
        assert(request->status == 0);
        request->status = status;
        request->response = response;
        request->response_shared = false;
}

void request_answer_shared(struct request *request, unsigned status, struct MHD_Response *response)
{
        request_answer(request, status, response);
        request->response_shared = true;
}

void request_wait(struct request *request, uint64_t until_usec)
{
        request->wait_until_usec = until_usec;
        set_deadline(request->connection, CONNECTION_WAITING, until_usec);
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
                set_deadline(connection, CONNECTION_SENDING, usec_add(clock_now_usec(), SEND_USEC));
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
        size_t length = strlen(target);

        (void)userdata;
        if (!connection) {
                return NULL;
        }
        struct request *request = &connection->request;
        if (connection->state == CONNECTION_IDLE) {
                set_deadline(connection, CONNECTION_RECEIVING,
                             usec_add(connection->server->now_usec, RECEIVE_USEC));
        }
        request->target_too_long = length > REQUEST_TARGET_MAX;
        if (!request->target_too_long) {
                memcpy(request->target, target, length + 1);
        }
        return NULL;
}

static enum MHD_Result on_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
        (void)kind;
        guard_note(userdata, name, value);
        return MHD_YES;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *size)
{
        request->body_length += *size;
        if (request->body_length > REQUEST_BODY_MAX) {
                request->body_too_large = true;
                if (request->body_length > BODY_DISCARDED_MAX) {
                        return MHD_NO; /* ends the connection */
                }
        } else {
                if (!request->body) {
                        request->body = secret_alloc(REQUEST_BODY_MAX + 1);
                        if (!request->body) {
                                return MHD_NO;
                        }
                }
                memcpy(request->body + request->body_length - *size, data, *size);
        }
        *size = 0;
        return MHD_YES;
}

/* A body that is too large by its own account is refused before it is sent; the connection ends with that.
 */
static bool announces_too_much(const struct request *request)
{
        const char *length = request->facts.content_length;
        return length && (strlen(length) > 9 || strtoul(length, NULL, 10) > REQUEST_BODY_MAX);
}

static enum MHD_Result queue(struct request *request)
{
        if (!request->response) {
                return MHD_NO;
        }
        enum MHD_Result result =
                MHD_queue_response(request->connection->mhd, request->status, request->response);
        if (!request->response_shared) {
                MHD_destroy_response(request->response); /* libmicrohttpd keeps its own reference */
        }
        request->response = NULL;
        return result;
}

/* Answers the request, or suspends it. */
static enum MHD_Result handle(struct request *request)
{
        struct connection *connection = request->connection;
        struct http_server *server = connection->server;
        uint64_t now_usec = clock_now_usec();

        set_deadline(connection, CONNECTION_SENDING, usec_add(now_usec, SEND_USEC));
        server->handler.on_request(request, now_usec, server->handler.userdata);
        if (request->status == 0) {
                assert(connection->state == CONNECTION_WAITING);
                MHD_suspend_connection(connection->mhd);
                return MHD_YES;
        }
        return queue(request);
}

static enum MHD_Result on_access(void *userdata, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **request_context)
{
        struct request *request = *request_context;

        (void)userdata;
        (void)url;
        (void)version;
        if (!request) {
                const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
                if (!info || !info->socket_context) {
                        return MHD_NO;
                }
                request = &((struct connection *)info->socket_context)->request;
                *request_context = request;
                request->method = http_method_parse(method);
                (void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &request->facts);
                if (!announces_too_much(request)) {
                        return MHD_YES;
                }
                request->body_too_large = true;
        }
        if (*upload_data_size > 0) {
                return take_body(request, upload_data, upload_data_size);
        }
        return handle(request);
}

static void on_completed(void *userdata, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode why)
{
        struct request *request = *request_context;

        (void)userdata;
        (void)mhd;
        (void)why;
        *request_context = NULL;
        if (!request) {
                return;
        }
        struct connection *connection = request->connection;
        clear_request(request);
        if (connection->state != CONNECTION_CLOSING) {
                set_deadline(connection, CONNECTION_IDLE, usec_add(connection->server->now_usec, IDLE_USEC));
                if (connection->server->draining) {
                        (void)shutdown(connection->fd, SHUT_RD);
                }
        }
}

/* ---- connections ---- */

static struct connection *free_connection(struct connection *connection)
{
        struct http_server *server = connection->server;

        clear_request(&connection->request);
        if (connection->link) {
                *connection->link = connection->next;
                if (connection->next) {
                        connection->next->link = connection->link;
                }
                server->n_connections--;
                if (connection->over_limit) {
                        server->n_over_limit--;
                        user_counts_remove(&server->users_over_limit, &connection->peer);
                } else {
                        user_counts_remove(&server->users, &connection->peer);
                }
        }
        peer_clear(&connection->peer);
        free(connection);
        if (server->n_connections == 0) {
                server->timer_usec = USEC_NEVER; /* nobody left to wake up for */
                (void)sd_event_source_set_enabled(server->timer, SD_EVENT_OFF);
                if (server->draining && server->drained) {
                        server->drained(server->drained_userdata);
                }
        }
        return NULL;
}

static void on_connection(void *userdata, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
        struct http_server *server = userdata;

        if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
                if (*socket_context) {
                        (void)free_connection(*socket_context);
                        *socket_context = NULL;
                }
                return;
        }
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!info || info->connect_fd < 0 || (size_t)info->connect_fd >= server->n_by_fd) {
                return;
        }
        struct connection *connection = server->by_fd[info->connect_fd];
        server->by_fd[info->connect_fd] = NULL;
        if (connection) {
                connection->mhd = mhd;
                *socket_context = connection;
        }
}

static int make_room(struct http_server *server, int fd)
{
        if ((size_t)fd < server->n_by_fd) {
                return 0;
        }
        size_t n = MAX_OF(((size_t)fd + 1) * 2, (size_t)64);
        struct connection **by_fd = reallocarray(server->by_fd, n, sizeof(*by_fd));
        if (!by_fd) {
                return -ENOMEM;
        }
        memset(by_fd + server->n_by_fd, 0, (n - server->n_by_fd) * sizeof(*by_fd));
        server->by_fd = by_fd;
        server->n_by_fd = n;
        return 0;
}

/* Counts the connection in; false: it must not even wait for a health answer. */
static bool admit(struct http_server *server, struct connection *connection)
{
        unsigned n_normal = server->n_connections - server->n_over_limit;

        connection->over_limit = n_normal >= server->limits.max_connections ||
                                 user_counts_get(&server->users, &connection->peer) >=
                                         server->limits.max_connections_per_user;
        if (!connection->over_limit) {
                return user_counts_add(&server->users, &connection->peer) == 0;
        }
        if (server->n_over_limit >= RESERVED ||
            user_counts_get(&server->users_over_limit, &connection->peer) >= RESERVED_PER_USER ||
            user_counts_add(&server->users_over_limit, &connection->peer) < 0) {
                return false;
        }
        server->n_over_limit++;
        return true;
}

void http_server_add(struct http_server *server, int fd, struct peer *peer, const struct guard_place *place)
{
        struct connection *connection = calloc(1, sizeof(*connection));

        if (!connection || make_room(server, fd) < 0) {
                free(connection);
                peer_clear(peer);
                (void)close(fd);
                return;
        }
        connection->server = server;
        connection->fd = fd;
        connection->peer = *peer;
        connection->place = *place;
        connection->request.connection = connection;
        connection->request.waiter.on_news = on_news;
        if (!admit(server, connection)) {
                (void)free_connection(connection);
                (void)close(fd);
                return;
        }
        connection->next = server->connections;
        connection->link = &server->connections;
        if (connection->next) {
                connection->next->link = &connection->next;
        }
        server->connections = connection;
        server->n_connections++;
        set_deadline(connection, CONNECTION_RECEIVING, usec_add(clock_now_usec(), RECEIVE_USEC));

        server->by_fd[fd] = connection;
        if (MHD_add_connection(server->mhd, fd, NULL, 0) != MHD_YES) {
                /* libmicrohttpd has closed the socket; had it told of the connection, it has told of its end
                 * too. */
                if (server->by_fd[fd]) {
                        server->by_fd[fd] = NULL;
                        (void)free_connection(connection);
                }
                return;
        }
        run_again(server);
}

void http_server_forget_environments(struct http_server *server)
{
        for (struct connection *connection = server->connections; connection;
             connection = connection->next) {
                struct request *request = &connection->request;
                if (connection->state == CONNECTION_WAITING) {
                        request_resume(request);
                        request->match.route = NULL;
                        request->environment = NULL;
                        request->wait_until_usec = 0;
                }
        }
}

unsigned http_server_connections(const struct http_server *server)
{
        return server->n_connections;
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
        server->limits = *limits;
}

void http_server_on_drained(struct http_server *server, void (*drained)(void *userdata), void *userdata)
{
        server->drained = drained;
        server->drained_userdata = userdata;
}

void http_server_drain(struct http_server *server)
{
        server->draining = true;
        for (struct connection *connection = server->connections; connection;
             connection = connection->next) {
                if (connection->state == CONNECTION_IDLE) {
                        (void)shutdown(connection->fd, SHUT_RD);
                }
        }
        if (server->n_connections == 0 && server->drained) {
                server->drained(server->drained_userdata);
        }
}

/* ---- life ---- */

static void ignore_log(void *userdata, const char *format, va_list arguments)
{
        /* libmicrohttpd tells of clients' nonsense, with its bytes: nothing for a log. */
        (void)userdata;
        (void)format;
        (void)arguments;
}

static int start_mhd(struct http_server *server)
{
        /* Just a number to libmicrohttpd: the real limits are kept in admit(), and may change on reload. */
        unsigned room = 65536 + RESERVED;

        server->mhd = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                on_access, server, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, MHD_OPTION_CONNECTION_LIMIT,
                room, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
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
        r = sd_event_source_set_enabled(server->more, SD_EVENT_OFF);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_time(server->event, &server->timer, CLOCK_BOOTTIME, USEC_NEVER, USEC_PER_MSEC,
                              on_timer, server);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(server->io, "http");
        (void)sd_event_source_set_description(server->more, "http more");
        (void)sd_event_source_set_description(server->timer, "http deadlines");
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
        server->limits = *limits;
        server->handler = *handler;
        server->timer_usec = USEC_NEVER;
        int r = start_mhd(server);
        if (r < 0) {
                return r;
        }
        r = add_sources(server);
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
        for (struct connection *connection = server->connections; connection;
             connection = connection->next) {
                if (connection->state == CONNECTION_WAITING) {
                        waiter_cancel(&connection->request.waiter);
                        end_connection(connection);
                        MHD_resume_connection(connection->mhd);
                }
        }
        server->drained = NULL;
        if (server->mhd) {
                MHD_stop_daemon(server->mhd);
        }
        sd_event_source_disable_unref(server->io);
        sd_event_source_disable_unref(server->more);
        sd_event_source_disable_unref(server->timer);
        sd_event_unref(server->event);
        user_counts_clear(&server->users);
        user_counts_clear(&server->users_over_limit);
        free(server->by_fd);
        free(server);
        return NULL;
}
