/* http_server: one libmicrohttpd daemon as a guest of the event loop.
 *
 * libmicrohttpd waits on an epoll descriptor of its own; that descriptor is an event source here, its
 * time-out a timer. It is run once more whenever connections went away, because a daemon that was full takes
 * part again only then.
 *
 * A request's answer is decided when the whole body has been read, not on the handler's first call:
 * libmicrohttpd closes connections that are answered so early. That is done only where it is wanted: for a
 * client that asks first (Expect: 100-continue), and for faults. */
#include "simulator/http_server.h"

#include "lib/util.h"
#include "simulator/delivery.h"
#include "simulator/request.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Enough for long header sets; the body has its own room. */
#define CONNECTION_MEMORY (16 * 1024)
/* The limit is the number of descriptors, not this. */
#define CONNECTIONS_MAX 1000000
#define IDLE_SEC        300

struct http_server {
        struct http_config config;
        struct MHD_Daemon *daemon;
        sd_event_source *io;
        sd_event_source *timer;
        TAILQ_HEAD(, http_connection) connections;
        size_t open;
        struct request_home home;
};

static void arm(struct http_server *server)
{
        MHD_UNSIGNED_LONG_LONG wait_ms;
        uint64_t now;

        if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES ||
            sd_event_now(server->config.event, CLOCK_MONOTONIC, &now) < 0) {
                (void)sd_event_source_set_enabled(server->timer, SD_EVENT_OFF);
                return;
        }
        if (wait_ms > IDLE_SEC * 1000) {
                wait_ms = IDLE_SEC * 1000;
        }
        (void)sd_event_source_set_time(server->timer, now + wait_ms * USEC_PER_MSEC);
        (void)sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static int pump(struct http_server *server)
{
        size_t before = server->open;

        if (MHD_run(server->daemon) != MHD_YES) {
                return -EIO;
        }
        if (server->open < before && MHD_run(server->daemon) != MHD_YES) {
                return -EIO;
        }
        arm(server);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        return pump(userdata);
}

static int on_timer(sd_event_source *source, uint64_t now_usec, void *userdata)
{
        return pump(userdata);
}

/* Has libmicrohttpd look at its connections soon, outside of any of its callbacks. */
static void kick(void *userdata)
{
        struct http_server *server = userdata;

        /* A time long past: the timer fires in the next turn of the loop. */
        (void)sd_event_source_set_time(server->timer, 0);
        (void)sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
        struct http_server *server = cls;
        struct http_connection *connection = *context;
        const union MHD_ConnectionInfo *info;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
                connection = info ? calloc(1, sizeof(*connection)) : NULL;
                if (!connection) {
                        return; /* its requests are refused, see begin_request() */
                }
                connection->fd = info->connect_fd;
                TAILQ_INSERT_TAIL(&server->connections, connection, link);
                server->open++;
                *context = connection;
        } else if (connection) {
                TAILQ_REMOVE(&server->connections, connection, link);
                server->open--;
                free(connection);
                *context = NULL;
        }
}

static void *begin_request(void *cls, const char *uri, struct MHD_Connection *mhd)
{
        struct http_server *server = cls;
        const union MHD_ConnectionInfo *info;
        struct request *request;

        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        if (!info || !info->socket_context) {
                return NULL;
        }
        request = request_new(&server->home, mhd, info->socket_context, uri);
        if (request) {
                request->connection->busy = true;
        }
        return request;
}

static void end_request(void *cls, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode code)
{
        struct request *request = *context;

        if (request) {
                request->connection->busy = false;
        }
        *context = request_free(request);
}

/* The body is here: decides, and waits if the answer is to be late. Returns 1 if it may be sent now, 0 if it
 * waits. */
static int decide(struct http_server *server, struct request *request)
{
        int r;

        r = server->config.decide(request, &request->answer, server->config.userdata);
        if (r < 0) {
                return r;
        }
        if (request->answer->delay_usec == 0) {
                return 1;
        }

        request->phase = REQUEST_WAITING;
        return request_suspend(request, request->answer->delay_usec);
}

/* Decides, and sends unless it waits. */
static enum MHD_Result answer_now(struct http_server *server, struct request *request)
{
        int r;

        r = decide(server, request);
        if (r > 0) {
                r = delivery_start(request);
        }
        return r < 0 ? MHD_NO : MHD_YES;
}

/* The head is here. */
static enum MHD_Result begin(struct http_server *server, struct request *request, const char *method)
{
        int r = 0;

        request->method = strdup(method);
        if (!request->method) {
                return MHD_NO;
        }
        if (server->config.begin) {
                r = server->config.begin(request, server->config.userdata);
        }
        if (r > 0) {
                return answer_now(server, request);
        }
        return r < 0 ? MHD_NO : MHD_YES;
}

/* Some more of the body is here. */
static enum MHD_Result take(struct http_server *server, struct request *request, const char *data,
                            size_t *data_size)
{
        size_t size = *data_size;

        if (request->pace_usec > 0) {
                size = MIN_OF(size, request->pace_bytes);
        }
        if (request->is_cut) {
                size = MIN_OF(size, request->cut_bytes - request->body_bytes);
        }
        if (request_take_body(request, data, size) < 0) {
                return MHD_NO;
        }
        *data_size -= size;
        if (request->is_cut && request->body_bytes == request->cut_bytes) {
                return answer_now(server, request);
        }
        if (request->pace_usec > 0 && request_suspend(request, request->pace_usec) < 0) {
                return MHD_NO;
        }
        return MHD_YES;
}

static enum MHD_Result handle_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *data_size, void **context)
{
        struct http_server *server = cls;
        struct request *request = *context;

        if (!request || request->phase == REQUEST_ABANDONED) {
                return MHD_NO;
        }

        if (request->phase == REQUEST_READING) {
                if (!request->method) {
                        return begin(server, request, method);
                }
                return *data_size > 0 ? take(server, request, data, data_size) : answer_now(server, request);
        }

        return delivery_start(request) < 0 ? MHD_NO : MHD_YES;
}

static struct MHD_Daemon *start_daemon(struct http_server *server)
{
        const struct certificate *certificate = server->config.certificate;
        unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
        struct MHD_OptionItem tls[] = {
                { MHD_OPTION_HTTPS_MEM_CERT, 0, certificate ? certificate->pem : NULL },
                { MHD_OPTION_HTTPS_MEM_KEY, 0, certificate ? certificate->key_pem : NULL },
                { MHD_OPTION_END, 0, NULL },
        };

        if (certificate) {
                flags |= MHD_USE_TLS;
        } else {
                tls[0].option = MHD_OPTION_END;
        }

        return MHD_start_daemon(flags, 0, NULL, NULL, handle_request, server, MHD_OPTION_URI_LOG_CALLBACK,
                                begin_request, server, MHD_OPTION_NOTIFY_COMPLETED, end_request, server,
                                MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                                MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SEC,
                                MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static void http_server_freep(struct http_server **server)
{
        *server = http_server_free(*server);
}

int http_server_new(struct http_server **ret, const struct http_config *config)
{
        _cleanup_(http_server_freep) struct http_server *server = calloc(1, sizeof(*server));
        const union MHD_DaemonInfo *info;
        int r;

        if (!server) {
                return -ENOMEM;
        }
        server->config = *config;
        TAILQ_INIT(&server->connections);
        server->home = (struct request_home){
                .event = config->event,
                .body_max = config->body_max,
                .resumed = kick,
                .userdata = server,
        };
        TAILQ_INIT(&server->home.suspended);

        server->daemon = start_daemon(server);
        if (!server->daemon) {
                return -EIO;
        }
        info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info) {
                return -EIO;
        }
        r = sd_event_add_io(config->event, &server->io, info->epoll_fd, EPOLLIN, on_io, server);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_time(config->event, &server->timer, CLOCK_MONOTONIC, 0, 1, on_timer, server);
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

        if (server->daemon) {
                /* libmicrohttpd must not be stopped while connections are suspended. */
                request_abandon_all(&server->home, /* only_hanging= */ false);
                (void)MHD_run(server->daemon);
                MHD_stop_daemon(server->daemon);
        }
        sd_event_source_unref(server->io);
        sd_event_source_unref(server->timer);
        free(server);
        return NULL;
}

int http_server_add(struct http_server *server, int fd, const struct sockaddr *peer, socklen_t peer_size)
{
        /* On failure libmicrohttpd has closed the socket. */
        if (MHD_add_connection(server->daemon, fd, peer, peer_size) != MHD_YES) {
                return -EIO;
        }
        kick(server);
        return 0;
}

void http_server_close_idle(struct http_server *server)
{
        struct http_connection *connection;

        TAILQ_FOREACH(connection, &server->connections, link)
        if (!connection->busy) {
                (void)shutdown(connection->fd, SHUT_RDWR);
        }
}

void http_server_close_hanging(struct http_server *server)
{
        request_abandon_all(&server->home, /* only_hanging= */ true);
}
