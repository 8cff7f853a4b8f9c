/* A listening socket.
 *
 * Connections are accepted in batches, so that a flood at the door leaves time for those inside. When
 * descriptors run out, the listener rests for a moment: the queue stays with the kernel. */
#include "daemon/listener.h"

#include "daemon/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG   4096 /* the kernel cuts it to net.core.somaxconn */
#define BATCH     64
#define REST_USEC (100 * USEC_PER_MSEC)

struct listener {
        struct listen_address address;
        char name[128];
        int fd;
        bool made_path;
        ino_t inode; /* of the unix socket we made: only that is removed at the end */
        struct guard_place place;
        struct http_server *server;
        struct peer_finder *finder;
        sd_event_source *io, *rest;
};

union any_address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
};

static socklen_t make_address(const struct listen_address *address, union any_address *ret)
{
        *ret = (union any_address){ 0 };
        switch (address->kind) {
        case LISTEN_TCP4:
                ret->in.sin_family = AF_INET;
                ret->in.sin_port = htons(address->port);
                ret->in.sin_addr.s_addr = htonl(address->address4);
                return sizeof(ret->in);
        case LISTEN_TCP6:
                ret->in6.sin6_family = AF_INET6;
                ret->in6.sin6_port = htons(address->port);
                ret->in6.sin6_addr = in6addr_loopback;
                return sizeof(ret->in6);
        case LISTEN_UNIX:
                ret->un.sun_family = AF_UNIX;
                memcpy(ret->un.sun_path, address->path, strlen(address->path) + 1);
                return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address->path) + 1);
        }
        return 0;
}

/* ---- accepting ---- */

static void rest_a_moment(struct listener *listener)
{
        (void)sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
        (void)sd_event_source_set_time_relative(listener->rest, REST_USEC);
        (void)sd_event_source_set_enabled(listener->rest, SD_EVENT_ONESHOT);
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct listener *listener = userdata;

        (void)source;
        (void)usec;
        (void)sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
        return 0;
}

/* Returns whether more may be at the door. */
static bool accept_batch(struct listener *listener)
{
        for (int i = 0; i < BATCH; i++) {
                struct sockaddr_storage other = { 0 };
                socklen_t length = sizeof(other);
                struct peer peer;
                int client = accept4(listener->fd, (struct sockaddr *)&other, &length,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (client < 0) {
                        int error = errno;
                        if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) {
                                rest_a_moment(listener);
                        }
                        return error == ECONNABORTED; /* a connection that ended in the queue */
                }
                peer_find_at(listener->finder, client, &other, &peer);
                http_server_add(listener->server, client, &peer, &listener->place);
        }
        return true;
}

static int on_connections(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct listener *listener = userdata;

        (void)source;
        (void)fd;
        (void)events;
        (void)accept_batch(listener);
        http_server_take_turn(listener->server);
        return 0;
}

static void close_door(struct listener *listener)
{
        struct stat status;

        if (listener->fd >= 0) {
                (void)close(listener->fd);
                listener->fd = -1;
        }
        if (listener->made_path && lstat(listener->address.path, &status) == 0 &&
            status.st_ino == listener->inode) {
                (void)unlink(listener->address.path);
        }
        listener->made_path = false;
}

void listener_stop(struct listener *listener)
{
        /* Who stands at the door is let in; who comes later is refused at once, instead of waiting for a
         * daemon that is about to end. */
        for (int i = 0; listener->io && i < BACKLOG / BATCH && accept_batch(listener); i++) {
        }
        listener->io = sd_event_source_disable_unref(listener->io);
        listener->rest = sd_event_source_disable_unref(listener->rest);
        close_door(listener);
}

/* ---- binding ---- */

/* Is somebody listening on this unix socket? */
static bool is_alive(const union any_address *address, socklen_t length)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        bool alive = fd >= 0 && (connect(fd, &address->any, length) == 0 || errno == EAGAIN);

        if (fd >= 0) {
                (void)close(fd);
        }
        return alive;
}

/* Makes the folder of the socket if it is missing, and takes a stale socket away. */
static int prepare_path(const char *path, const union any_address *address, socklen_t length)
{
        char folder[sizeof(address->un.sun_path)];
        struct stat status;

        memcpy(folder, path, strlen(path) + 1);
        char *slash = strrchr(folder, '/');
        if (slash && slash != folder) {
                *slash = '\0';
                if (mkdir(folder, 0755) < 0 && errno != EEXIST) {
                        return -errno;
                }
        }
        if (lstat(path, &status) < 0) {
                return errno == ENOENT ? 0 : -errno;
        }
        if (!S_ISSOCK(status.st_mode)) {
                return -EEXIST;
        }
        if (is_alive(address, length)) {
                return -EADDRINUSE;
        }
        return unlink(path) < 0 ? -errno : 0;
}

static int bind_and_listen(struct listener *listener)
{
        const int yes = 1;
        union any_address address;
        socklen_t length = make_address(&listener->address, &address);
        bool is_unix = listener->address.kind == LISTEN_UNIX;

        listener->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener->fd < 0) {
                return -errno;
        }
        if (is_unix) {
                int r = prepare_path(listener->address.path, &address, length);
                if (r < 0) {
                        return r;
                }
        } else if (setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
                   (listener->address.kind == LISTEN_TCP6 &&
                    setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0)) {
                return -errno;
        }
        if (bind(listener->fd, &address.any, length) < 0) {
                return -errno;
        }
        if (is_unix) {
                struct stat status;
                /* Everybody may connect: who is answered is decided by who he is. */
                if (chmod(listener->address.path, 0666) < 0 || lstat(listener->address.path, &status) < 0) {
                        return -errno;
                }
                listener->made_path = true;
                listener->inode = status.st_ino;
        }
        return listen(listener->fd, BACKLOG) < 0 ? -errno : 0;
}

/* The port may have been the kernel's choice. */
static int describe(struct listener *listener)
{
        union any_address address = { 0 };
        socklen_t length = sizeof(address);

        if (listener->address.kind == LISTEN_UNIX) {
                (void)snprintf(listener->name, sizeof(listener->name), "%s", listener->address.path);
                return 0;
        }
        if (getsockname(listener->fd, &address.any, &length) < 0) {
                return -errno;
        }
        listener->place.tcp = true;
        if (listener->address.kind == LISTEN_TCP4) {
                uint32_t ip = listener->address.address4;
                listener->place.port = ntohs(address.in.sin_port);
                (void)snprintf(listener->place.address, sizeof(listener->place.address), "%u.%u.%u.%u",
                               ip >> 24, (ip >> 16) & 0xff, (ip >> 8) & 0xff, ip & 0xff);
        } else {
                listener->place.port = ntohs(address.in6.sin6_port);
                (void)snprintf(listener->place.address, sizeof(listener->place.address), "[::1]");
        }
        (void)snprintf(listener->name, sizeof(listener->name), "%s:%u", listener->place.address,
                       listener->place.port);
        return 0;
}

static void explain(const struct listen_address *address, int error, char *message)
{
        const char *cure = "";

        switch (-error) {
        case EADDRINUSE:
                cure = ": another program listens there (another eqp-brokerd?); stop it or set another "
                       "'listen ='";
                break;
        case EACCES:
        case EPERM:
        case EROFS:
                cure = ": run as a user who may, or set another 'listen ='";
                break;
        case EEXIST:
                cure = ": something that is no socket is in its place; remove it";
                break;
        case ENOENT:
                cure = ": the folder above it does not exist";
                break;
        default:
                break;
        }
        (void)snprintf(message, LISTENER_ERROR_MAX, "cannot listen on %s: %s%s", address->path,
                       strerror(-error), cure);
}

static void free_listener(struct listener **listener)
{
        *listener = listener_free(*listener);
}

int listener_new(struct listener **ret, sd_event *event, const struct listen_address *address,
                 struct http_server *server, struct peer_finder *finder,
                 char reterr_message[static LISTENER_ERROR_MAX])
{
        _cleanup_(free_listener) struct listener *listener = calloc(1, sizeof(*listener));
        if (!listener) {
                (void)snprintf(reterr_message, LISTENER_ERROR_MAX, "out of memory");
                return -ENOMEM;
        }
        listener->address = *address;
        listener->server = server;
        listener->finder = finder;
        listener->fd = -1;
        int r = bind_and_listen(listener);
        if (r >= 0) {
                r = describe(listener);
        }
        if (r >= 0) {
                r = sd_event_add_io(event, &listener->io, listener->fd, EPOLLIN, on_connections, listener);
        }
        if (r >= 0) {
                r = sd_event_add_time_relative(event, &listener->rest, CLOCK_MONOTONIC, 0, 1, on_rested,
                                               listener);
        }
        if (r >= 0) {
                r = sd_event_source_set_enabled(listener->rest, SD_EVENT_OFF);
        }
        if (r < 0) {
                explain(address, r, reterr_message);
                return r;
        }
        (void)sd_event_source_set_description(listener->io, listener->name);
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

const struct listen_address *listener_address(const struct listener *listener)
{
        return &listener->address;
}

const char *listener_name(const struct listener *listener)
{
        return listener->name;
}
