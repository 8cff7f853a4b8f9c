/* A listening socket.
 *
 * Connections are accepted in batches, so that a flood at the door leaves time for those inside. Those whose
 * client has gone meanwhile are dropped before they cost anything: somebody who connects and closes in a
 * loop fills the kernel's queue otherwise, and on a unix socket others are refused then. When descriptors
 * run out, the listener rests for a moment: the queue stays with the kernel. */
#include "daemon/frontend/http/listener.h"

#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH     64
#define GONE_MAX  1024 /* of those that are dropped, in a batch: about 2 ms */
#define REST_USEC (100 * USEC_PER_MSEC)
/* At the end: the longest queue that the kernel allows by itself (net.core.somaxconn). */
#define LAST_BATCHES (4096 / BATCH)

struct listener {
        int fd;
        struct listen_place place;
        bool passed;
        struct http_server *server;
        struct peer_finder *finder;
        struct peer_door door;
        sd_event_source *io, *rest;
};

/* ---- accepting ---- */

static void rest_a_moment(struct listener *listener)
{
        (void)sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
        timer_start_in(listener->rest, REST_USEC);
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct listener *listener = userdata;

        (void)sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
        return 0;
}

/* Has the client gone, and left no request? One that has sent a request is there: it may have closed behind
 * it. */
static bool is_gone(int fd)
{
        struct pollfd look = { .fd = fd, .events = POLLRDHUP };
        char first;

        return poll(&look, 1, 0) > 0 && recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* Returns whether more may be at the door. */
static bool accept_batch(struct listener *listener)
{
        for (int n_taken = 0, n_gone = 0; n_taken < BATCH && n_gone < GONE_MAX;) {
                struct sockaddr_storage other = { 0 };
                socklen_t length = sizeof(other);
                struct peer peer;
                int client = accept4(listener->fd, (struct sockaddr *)&other, &length,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (client < 0) {
                        int error = errno;
                        if (is_shortage(error)) {
                                rest_a_moment(listener);
                        }
                        return error == ECONNABORTED; /* a connection that ended in the queue */
                }
                if (is_gone(client)) {
                        (void)close(client);
                        n_gone++;
                        continue;
                }
                n_taken++;
                if (listener->door.why) {
                        /* The kernel may have been short of something when it was asked. */
                        peer_door_look(&listener->door, listener->finder, listener->fd);
                }
                peer_find(listener->finder, &listener->door, client, &other, &peer);
                http_server_add(listener->server, client, &peer, &listener->place);
        }
        return true;
}

static int on_connections(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct listener *listener = userdata;

        (void)accept_batch(listener);
        http_server_take_turn(listener->server);
        return 0;
}

void listener_stop(struct listener *listener)
{
        /* Clients at our own door are let in; later ones are refused at once, instead of waiting for a
         * daemon that is about to end. At the service manager's, they wait for the next process. */
        for (int i = 0; !listener->passed && listener->io && i < LAST_BATCHES && accept_batch(listener);
             i++) {
        }
        listener->io = sd_event_source_disable_unref(listener->io);
        listener->rest = sd_event_source_disable_unref(listener->rest);
        close_fd(&listener->fd);
}

/* ---- life ---- */

static void free_listener(struct listener **listener)
{
        *listener = listener_free(*listener);
}

static int add_sources(struct listener *listener, sd_event *event, const char *name)
{
        int r = sd_event_add_io(event, &listener->io, listener->fd, EPOLLIN, on_connections, listener);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(listener->io, name);
        return timer_new(&listener->rest, event, CLOCK_MONOTONIC, on_rested, listener, "listener rests");
}

int listener_new(struct listener **ret, sd_event *event, int fd, const struct listen_place *place,
                 bool passed, const char *name, struct http_server *server, struct peer_finder *finder)
{
        _cleanup_close_ int owned = fd;
        _cleanup_(free_listener) struct listener *listener = calloc(1, sizeof(*listener));
        if (!listener) {
                return -ENOMEM;
        }
        listener->fd = take_fd(owned);
        listener->place = *place;
        listener->passed = passed;
        listener->server = server;
        listener->finder = finder;
        peer_door_look(&listener->door, finder, listener->fd);
        int r = add_sources(listener, event, name);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(listener);
        return 0;
}

struct listener *listener_free(struct listener *listener)
{
        if (listener) {
                listener_stop(listener);
                free(listener);
        }
        return NULL;
}
