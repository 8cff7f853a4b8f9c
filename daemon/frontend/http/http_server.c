/* The HTTP server: the events of libmicrohttpd, and their effects.
 *
 * A request's handler is called by libmicrohttpd first with the head alone, then with pieces of the body,
 * then once more: it is answered at the last call, as an answer at the first one makes libmicrohttpd close
 * the connection. */
#include "daemon/frontend/http/http_server.h"

#include "daemon/base/clock.h"
#include "daemon/base/timer.h"
#include "daemon/frontend/http/early.h"
#include "daemon/frontend/http/entrance.h"
#include "daemon/frontend/http/mhd_loops.h"
#include "daemon/frontend/http/overdue.h"
#include "daemon/frontend/http/plain_answer.h"
#include "daemon/frontend/http/room.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>

#define IDLE_USEC (30 * USEC_PER_SEC)
/* Just a number to libmicrohttpd: the real limits are the admission's, and may change on reload. */
#define ROOM (2 * (65536 + ADMISSION_RESERVE))

struct http_server {
        struct http_handler handler;
        sd_event *event;
        struct mhd_loops loops;
        struct connections connections;
        sd_event_source *drain_limit;
        void (*on_drained)(void *userdata); /* NULL: nobody is told, or not any more */
        void *drained_userdata;
};

/* ---- nothing left ---- */

static void finish_drain(struct http_server *server)
{
        void (*on_drained)(void *) = take_ptr(server->on_drained);

        server->drain_limit = sd_event_source_disable_unref(server->drain_limit);
        if (on_drained) {
                on_drained(server->drained_userdata);
        }
}

static void look_for_end(struct http_server *server)
{
        if (server->connections.drain.begun && server->connections.n == 0 &&
            server->connections.admission.n[PLACE_PARKED] == 0) {
                finish_drain(server);
        }
}

/* ---- deadlines ---- */

/* If it was us that did not run for a while, what came in time still lies unread:
 * it is read first. */
static uint64_t on_deadlines(uint64_t now_usec, void *userdata)
{
        struct http_server *server = userdata;

        mhd_loops_take_turn(&server->loops);
        uint64_t next = parking_look(&server->connections.parking, &server->connections.admission,
                                     &server->connections.drain, now_usec);
        next = MIN_OF(next, overdue_look(&server->connections, now_usec));
        look_for_end(server);
        return next;
}

/* ---- requests ---- */

/* libmicrohttpd knows the whole request line, still undecoded. */
static void *on_target(void *userdata, const char *target, struct MHD_Connection *mhd)
{
        struct http_server *server = userdata;
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct connection *connection = info ? info->socket_context : NULL;

        if (!connection) {
                return NULL;
        }
        if (connection->state == CONNECTION_IDLE) {
                connections_expect_transfer(&server->connections, connection, CONNECTION_RECEIVING,
                                            mhd_loop_now_usec(connection->loop));
        }
        request_take_target(&connection->request, target);
        return NULL;
}

static enum MHD_Result queue(struct http_server *server, struct request *request)
{
        struct connection *connection = request->connection;

        return request_queue(request, connection->mhd,
                             connection->last || server->connections.drain.begun ||
                                     room_is_wanted(connection));
}

/* Answers the request, or suspends it. */
static enum MHD_Result handle(struct http_server *server, struct request *request)
{
        struct connection *connection = request->connection;
        uint64_t now_usec = clock_now_usec();

        if (connection->state == CONNECTION_CLOSING) {
                return MHD_NO; /* it was ended while the request waited */
        }
        connections_expect_transfer(&server->connections, connection, CONNECTION_SENDING, now_usec);
        server->handler.on_request(request, now_usec, server->handler.userdata);
        if (request->status == 0) {
                assert(connection->state == CONNECTION_WAITING);
                MHD_suspend_connection(connection->mhd);
                return MHD_YES;
        }
        return queue(server, request);
}

static enum MHD_Result handle_early(struct http_server *server, struct request *request, const char *data,
                                    size_t *size)
{
        switch (early_step(request, data, size, server->handler.on_request, server->handler.userdata)) {
        case EARLY_MORE:
                return MHD_YES;
        case EARLY_SUSPEND:
                MHD_suspend_connection(request->connection->mhd);
                return MHD_YES;
        case EARLY_ANSWER:
                return queue(server, request);
        default:
                return MHD_NO;
        }
}

static bool is_early(const struct http_handler *handler, const struct request *request)
{
        return handler->is_early && guard_framing_sound(&request->facts) &&
               handler->is_early(request, handler->userdata);
}

static enum MHD_Result on_access(void *userdata, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **request_context)
{
        struct http_server *server = userdata;
        struct request *request = *request_context;

        if (!request) {
                const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
                if (!info || !info->socket_context) {
                        return MHD_NO;
                }
                request = &((struct connection *)info->socket_context)->request;
                *request_context = request;
                bool to_be_read = request_take_head(request, mhd, method, version);
                if (is_early(&server->handler, request)) {
                        mhd_loops_note(&server->loops, request->connection->caller.peer.uid);
                        request->body_too_large = false;
                        request->phase = REQUEST_HEAD;
                } else if (to_be_read) {
                        return MHD_YES;
                }
                /* Refused before the body is sent; the connection ends with that. */
        }
        if (request->phase != REQUEST_WHOLE) {
                return handle_early(server, request, upload_data, upload_data_size);
        }
        if (*upload_data_size > 0) {
                if (!request_take_body(request, upload_data, *upload_data_size)) {
                        if (request->body_too_large) {
                                plain_answer_too_large(request->connection->fd);
                        }
                        return MHD_NO; /* ends the connection */
                }
                *upload_data_size = 0;
                return MHD_YES;
        }
        return handle(server, request);
}

static void on_completed(void *userdata, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode why)
{
        struct http_server *server = userdata;
        struct request *request = *request_context;

        *request_context = NULL;
        if (!request) {
                return;
        }
        struct connection *connection = request->connection;
        request_clear(request);
        if (connection->state != CONNECTION_CLOSING) {
                /* libmicrohttpd closes it if that was the last answer; while draining, it may have been on
                 * its way already. */
                uint64_t now_usec = mhd_loop_now_usec(connection->loop);
                connection->quiet_since_usec = now_usec;
                connections_expect(&server->connections, connection, CONNECTION_IDLE,
                                   drain_quiet_until(&server->connections.drain, now_usec,
                                                     usec_add(now_usec, IDLE_USEC)));
                server->connections.stirred |= connection->user && admission_waits(connection->user);
        }
}

/* ---- the end ---- */

static int on_drain_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
        finish_drain(userdata);
        return 0;
}

int http_server_drain(struct http_server *server, void (*done)(void *userdata), void *userdata)
{
        struct connections *connections = &server->connections;
        uint64_t now_usec = clock_now_usec();

        int r = timer_new(&server->drain_limit, server->event, CLOCK_MONOTONIC, on_drain_limit, server,
                          "http drain");
        if (r < 0) {
                return r;
        }
        timer_start_in(server->drain_limit, DRAIN_LIMIT_USEC);
        server->on_drained = done;
        server->drained_userdata = userdata;
        drain_begin(&connections->drain, now_usec);
        overdue_shorten(connections, now_usec);
        if (connections->admission.n[PLACE_PARKED] > 0) {
                deadlines_note(&connections->deadlines, connections->drain.wait_no_longer_usec);
        }
        look_for_end(server);
        return 0;
}

/* ---- connections ---- */

static struct connection *remove_connection(struct http_server *server, struct connection *connection)
{
        connection = connections_remove(&server->connections, connection);
        look_for_end(server);
        return connection;
}

static void on_connection(void *userdata, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
        struct http_server *server = userdata;

        if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
                *socket_context = *socket_context ? remove_connection(server, *socket_context) : NULL;
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
        mhd_loops_take_turn(&server->loops);
}

static void after_turn(void *userdata)
{
        struct http_server *server = userdata;

        entrance_settle(&server->connections, &server->loops);
}

void http_server_add(struct http_server *server, int fd, struct peer *peer, const struct listen_place *place)
{
        entrance_add(&server->connections, &server->loops, fd, peer, place);
        look_for_end(server); /* libmicrohttpd may not take it */
}

void http_server_forget_environments(struct http_server *server)
{
        for (struct connection *connection = server->connections.first; connection;
             connection = connection->next) {
                struct request *request = &connection->request;
                bool concerned = request->environment || !request->match.route;
                request->carried = (struct carried_key){ .kind = CARRIED_NOTHING }; /* its key goes */
                /* One that was resumed already has not had its turn yet, and would go on where it was. */
                if (request->flow ? request->waiter.link != NULL : request->status == 0 && concerned) {
                        request_resume(request);
                }
                if (!request->flow && request->status == 0 && concerned) {
                        request_forget_environment(request);
                }
        }
}

void http_server_end_unix(struct http_server *server)
{
        for (struct connection *connection = server->connections.first; connection;
             connection = connection->next) {
                const struct request *request = &connection->request;
                bool reloads = request->match.route && request->match.route->id == ROUTE_RELOAD;
                if (connection->place.tcp) {
                        continue;
                }
                if (reloads) {
                        connection->last =
                                true; /* it may be what changed the settings, and tells no token */
                        continue;
                }
                request_resume(&connection->request);
                connection_end(connection);
        }
        deadlines_note(&server->connections.deadlines,
                       parking_end(&server->connections.parking, &server->connections.admission,
                                   /* unix_only= */ true, /* stopping= */ false, clock_now_usec()));
}

unsigned http_server_connections(const struct http_server *server)
{
        return server->connections.n;
}

unsigned http_server_parked(const struct http_server *server)
{
        return server->connections.admission.n[PLACE_PARKED];
}

uint64_t http_server_turned_away(const struct http_server *server)
{
        return server->connections.parking.n_turned_away;
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
        server->connections.admission.limits = *limits;
        server->loops.passes_on = limits->passes_on;
        server->connections.stirred = true;
        mhd_loops_wake(&server->loops);
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
        int r = connections_init(&server->connections, event, limits, on_deadlines, server);
        if (r < 0) {
                return r;
        }
        const struct mhd_callbacks callbacks = { .on_target = on_target,
                                                 .on_access = on_access,
                                                 .on_completed = on_completed,
                                                 .on_connection = on_connection,
                                                 .after_turn = after_turn,
                                                 .userdata = server };
        r = mhd_loops_init(&server->loops, event, ROOM, &callbacks);
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
                        mhd_loop_resume(connection->loop, connection->mhd);
                }
        }
        server->on_drained = NULL;
        server->drain_limit = sd_event_source_disable_unref(server->drain_limit);
        mhd_loops_clear(&server->loops);
        sd_event_unref(server->event);
        connections_clear(&server->connections);
        free(server);
        return NULL;
}
