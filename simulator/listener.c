/* listener: a listening socket on the event loop.
 *
 * Refusing: Linux takes a socket out of the listening state by shutdown(2) and puts it back by listen(2). In
 * between the kernel refuses connections, while the port stays ours, which closing the socket could not
 * promise. This holds for sockets bound to a port by number; so a port that the kernel chose is bound a
 * second time by its number. */
#include "simulator/listener.h"

#include "lib/util.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG         4096
#define ACCEPTS_AT_ONCE 64
#define OUT_OF_FDS_USEC (100 * USEC_PER_MSEC)

struct listener {
        struct address address;
        int fd;
        bool refusing;
        sd_event_source *io;
        sd_event_source *retry; /* takes up accepting again when descriptors had run out */
        listener_accept_t on_accept;
        void *userdata;
};

static int bind_socket(struct address *address)
{
        struct address bound = *address;
        int one = 1;

        _cleanup_close_ int fd =
                socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
                return -errno;
        }
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, (const struct sockaddr *)&address->socket, address->size) < 0 ||
            getsockname(fd, (struct sockaddr *)&bound.socket, &bound.size) < 0) {
                return -errno;
        }

        *address = bound;
        return take_fd(fd);
}

static int bind_by_number(struct address *address)
{
        if (address_port(address) != 0) {
                return bind_socket(address);
        }

        /* Neither socket listens yet, so both may hold the port. */
        _cleanup_close_ int chooser = bind_socket(address);
        return chooser < 0 ? chooser : bind_socket(address);
}

/* No descriptors or no memory: the waiting connection would wake us again and again; lets some others end
 * first. */
static int rest(struct listener *listener)
{
        uint64_t now;
        int r;

        r = sd_event_now(sd_event_source_get_event(listener->io), CLOCK_MONOTONIC, &now);
        if (r < 0) {
                return r;
        }
        r = sd_event_source_set_time(listener->retry, now + OUT_OF_FDS_USEC);
        if (r < 0) {
                return r;
        }
        r = sd_event_source_set_enabled(listener->retry, SD_EVENT_ONESHOT);
        return r < 0 ? r : sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
}

static int on_io(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
        struct listener *listener = userdata;

        for (size_t i = 0; i < ACCEPTS_AT_ONCE && !listener->refusing; i++) {
                struct sockaddr_storage peer;
                socklen_t size = sizeof(peer);
                int fd;

                fd = accept4(listen_fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd >= 0) {
                        listener->on_accept(fd, (const struct sockaddr *)&peer, size, listener->userdata);
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                        return rest(listener);
                } else {
                        return 0; /* none left, or one that is gone already */
                }
        }
        return 0;
}

static int on_retry(sd_event_source *source, uint64_t now_usec, void *userdata)
{
        struct listener *listener = userdata;

        return sd_event_source_set_enabled(listener->io, listener->refusing ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void listener_freep(struct listener **listener)
{
        *listener = listener_free(*listener);
}

int listener_new(struct listener **ret, sd_event *event, const struct address *address,
                 listener_accept_t on_accept, void *userdata)
{
        _cleanup_(listener_freep) struct listener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener) {
                return -ENOMEM;
        }
        listener->address = *address;
        listener->on_accept = on_accept;
        listener->userdata = userdata;

        r = listener->fd = bind_by_number(&listener->address);
        if (r < 0) {
                return r;
        }
        if (listen(listener->fd, BACKLOG) < 0) {
                return -errno;
        }
        r = sd_event_add_io(event, &listener->io, listener->fd, EPOLLIN, on_io, listener);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_time(event, &listener->retry, CLOCK_MONOTONIC, 0, 0, on_retry, listener);
        if (r < 0) {
                return r;
        }
        r = sd_event_source_set_enabled(listener->retry, SD_EVENT_OFF);
        if (r < 0) {
                return r;
        }

        *ret = take_ptr(listener);
        return 0;
}

struct listener *listener_free(struct listener *listener)
{
        if (!listener) {
                return NULL;
        }

        sd_event_source_disable_unref(listener->io);
        sd_event_source_disable_unref(listener->retry);
        close_fd(&listener->fd);
        free(listener);
        return NULL;
}

const struct address *listener_address(const struct listener *listener)
{
        return &listener->address;
}

int listener_set_refusing(struct listener *listener, bool refusing)
{
        int r;

        if (listener->refusing == refusing) {
                return 0;
        }

        /* A socket that does not listen reports a hang-up all the time; so the source sleeps meanwhile. */
        if (refusing) {
                r = sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
                if (r < 0) {
                        return r;
                }
                if (shutdown(listener->fd, SHUT_RD) < 0) {
                        return -errno;
                }
        } else {
                if (listen(listener->fd, BACKLOG) < 0) {
                        return -errno;
                }
                r = sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
                if (r < 0) {
                        return r;
                }
        }

        listener->refusing = refusing;
        return 0;
}

void socket_reset(int fd)
{
        const struct sockaddr unspecified = { .sa_family = AF_UNSPEC };

        /* On Linux this disconnects a TCP socket, and the peer is told by a reset. */
        (void)connect(fd, &unspecified, sizeof(unspecified));
}
