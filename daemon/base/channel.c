/* One end of the pair of sockets between two processes. */
#include "daemon/base/channel.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH          64  /* messages in one turn: there are others to be served */
#define FDS_QUEUED_MAX 256 /* more than there are to tell at a start, fewer than may be open */

struct waiting {
        struct waiting *next;
        size_t length;
        int fd;
        bool secret; /* in secret memory */
        unsigned char bytes[];
};

struct channel {
        int fd;
        sd_event_source *io;
        struct channel_handlers handlers;
        size_t message_max, queue_least, queue_max, queued; // queue_least: as it was at first
        unsigned n_fds_queued;
        struct waiting *first, **last; // last: the link that the next one goes to
        bool stuck;                    // the first one's descriptor cannot be sent: it is tried at the next
        bool gone;
        bool *freed; /* set by channel_free() in a handler: the turn, which goes on, frees the buffer then */
        unsigned char *buffer;
};

/* ---- sending ---- */

/* 1: sent. 0: no room. -EPIPE: nobody is there. -ETOOMANYREFS: too many descriptors are under way. */
static int send_one(const struct channel *channel, const void *bytes, size_t length, int fd)
{
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec part = { .iov_base = (void *)bytes, .iov_len = length };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

        if (fd >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control.room);
                control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                                                 .cmsg_level = SOL_SOCKET,
                                                 .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
        }
        if (sendmsg(channel->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
                return 1;
        }
        if (errno == ETOOMANYREFS) {
                return -errno;
        }
        return errno == EAGAIN || errno == EINTR || is_shortage(errno) ? 0 : -EPIPE;
}

static void forget_first(struct channel *channel)
{
        struct waiting *waiting = channel->first;

        channel->first = waiting->next;
        if (!channel->first) {
                channel->last = &channel->first;
        }
        channel->queued -= waiting->length;
        channel->n_fds_queued -= waiting->fd >= 0;
        close_fd(&waiting->fd);
        if (waiting->secret) {
                (void)secret_free(waiting);
        } else {
                free(waiting);
        }
}

static void want(struct channel *channel, bool room)
{
        (void)sd_event_source_set_io_events(channel->io, EPOLLIN | (room ? EPOLLOUT : 0));
}

/* Sends what waits, as far as there is room. */
static void send_waiting(struct channel *channel)
{
        int r = 1;

        while (channel->first && r > 0) {
                r = send_one(channel, channel->first->bytes, channel->first->length, channel->first->fd);
                if (r != 0 && r != -ETOOMANYREFS) {
                        forget_first(channel);
                }
        }
        channel->stuck = r == -ETOOMANYREFS;
        want(channel, channel->first && !channel->stuck);
}

static int send_or_queue(struct channel *channel, const void *bytes, size_t length, int fd, bool secret)
{
        if (channel->gone) {
                return -EPIPE;
        }
        if (channel->stuck) {
                send_waiting(channel);
        }
        if (channel->stuck) {
                return -ETOOMANYREFS;
        }
        if (!channel->first) {
                int r = send_one(channel, bytes, length, fd);
                if (r != 0) {
                        return r < 0 ? r : 0;
                }
        }
        if (length > channel->queue_max - MIN_OF(channel->queued, channel->queue_max) ||
            (fd >= 0 && channel->n_fds_queued == FDS_QUEUED_MAX)) {
                return -ENOBUFS;
        }
        _cleanup_close_ int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
        if (fd >= 0 && copy < 0) {
                return -errno;
        }
        struct waiting *waiting =
                secret ? secret_alloc(sizeof(*waiting) + length) : calloc(1, sizeof(*waiting) + length);
        if (!waiting) {
                return -ENOMEM;
        }
        waiting->secret = secret;
        waiting->fd = take_fd(copy);
        channel->n_fds_queued += waiting->fd >= 0;
        waiting->length = length;
        memcpy(waiting->bytes, bytes, length);
        *channel->last = waiting;
        channel->last = &waiting->next;
        channel->queued += length;
        want(channel, /* room= */ true);
        return 0;
}

int channel_send(struct channel *channel, const void *bytes, size_t length, int fd)
{
        return send_or_queue(channel, bytes, length, fd, /* secret= */ false);
}

int channel_send_secret(struct channel *channel, const void *bytes, size_t length)
{
        return send_or_queue(channel, bytes, length, -1, /* secret= */ true);
}

void channel_make_room(struct channel *channel, size_t more)
{
        channel->queue_max = channel->queue_least + more;
}

void channel_settle(struct channel *channel, unsigned wait_msec)
{
        struct pollfd room = { .fd = channel->fd, .events = POLLOUT };

        while (channel->first && !channel->gone && !channel->stuck && poll(&room, 1, (int)wait_msec) == 1) {
                send_waiting(channel);
                if (room.revents & (POLLERR | POLLHUP)) {
                        return;
                }
        }
}

const char *channel_trouble(int error)
{
        return error == -ETOOMANYREFS
                       ? "too many descriptors of this user lie unread in unix sockets, of whichever process"
                       : strerror(-error);
}

/* ---- receiving ---- */

/* The descriptor that came with a message; others than one, which nobody sends, are closed. */
static int find_descriptor(struct msghdr *message)
{
        int found = -1;

        for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
                if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
                        continue;
                }
                for (size_t at = CMSG_LEN(0); at + sizeof(int) <= head->cmsg_len; at += sizeof(int)) {
                        int fd;
                        memcpy(&fd, (const unsigned char *)head + at, sizeof(fd));
                        close_fd(&found);
                        found = fd;
                }
        }
        return found;
}

/* Length of the message; 0: the other end is gone; -EAGAIN: there is none; -EBADMSG: too long, and dropped.
 */
static ssize_t receive(const struct channel *channel, int *ret_fd)
{
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = { .iov_base = channel->buffer, .iov_len = channel->message_max };
        struct msghdr message = { .msg_iov = &part,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = sizeof(control.room) };

        ssize_t n = recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (n < 0) {
                return errno == EAGAIN || errno == EINTR || is_shortage(errno) ? -EAGAIN : 0;
        }
        *ret_fd = find_descriptor(&message);
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
                close_fd(ret_fd);
                return -EBADMSG;
        }
        return n;
}

static void end(struct channel *channel)
{
        channel->gone = true;
        channel->io = sd_event_source_disable_unref(channel->io);
        channel->handlers.on_end(channel->handlers.userdata);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct channel *channel = userdata;
        unsigned char *buffer = channel->buffer;
        bool freed = false;

        if (events & EPOLLOUT) {
                send_waiting(channel);
        }
        channel->freed = &freed;
        for (int i = 0; i < BATCH && !freed; i++) {
                int passed = -1;
                ssize_t n = receive(channel, &passed);
                if (n == -EAGAIN) {
                        break;
                }
                if (n == 0) {
                        close_fd(&passed); /* a message of no bytes looks like the end, and may bring one */
                        channel->freed = NULL;
                        end(channel);
                        return 0;
                }
                /* One that is too long is passed on as one that makes no sense. */
                channel->handlers.on_message(channel->buffer, n > 0 ? (size_t)n : 0, passed,
                                             channel->handlers.userdata);
                if (!freed) {
                        explicit_bzero(channel->buffer, n > 0 ? (size_t)n : channel->message_max);
                }
        }
        if (freed) {
                (void)secret_free(buffer);
        } else {
                channel->freed = NULL;
        }
        return 0;
}

/* ---- life ---- */

static void free_channel(struct channel **channel)
{
        *channel = channel_free(*channel);
}

int channel_new(struct channel **ret, sd_event *event, int fd, size_t message_max, size_t queue_max,
                const struct channel_handlers *handlers)
{
        _cleanup_close_ int owned = fd;
        _cleanup_(free_channel) struct channel *channel = calloc(1, sizeof(*channel));

        if (!channel) {
                return -ENOMEM;
        }
        channel->fd = -1;
        channel->last = &channel->first;
        channel->handlers = *handlers;
        channel->message_max = message_max;
        channel->queue_least = channel->queue_max = queue_max;
        channel->buffer = secret_alloc(message_max);
        if (!channel->buffer) {
                return -ENOMEM;
        }
        int r = sd_event_add_io(event, &channel->io, fd, EPOLLIN, on_ready, channel);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(channel->io, "messages");
        channel->fd = take_fd(owned);
        *ret = take_ptr(channel);
        return 0;
}

struct channel *channel_free(struct channel *channel)
{
        if (channel) {
                if (channel->freed) {
                        *channel->freed = true; /* its handler may go on with the message */
                } else {
                        (void)secret_free(channel->buffer);
                }
                while (channel->first) {
                        forget_first(channel);
                }
                sd_event_source_disable_unref(channel->io);
                close_fd(&channel->fd);
                free(channel);
        }
        return NULL;
}

int channel_pair(int ret_fds[static 2])
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0 ? -errno
                                                                                                  : 0;
}
