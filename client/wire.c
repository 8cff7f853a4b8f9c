/* Wire: blocking sockets with the kernel's own time limits, set before each call to what is left. A
 * connect() to a unix socket whose queue is full then waits for its turn, which a non-blocking one does not.
 */
#include "client/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t wire_now_usec(void)
{
        struct timespec now = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* direction: SO_SNDTIMEO or SO_RCVTIMEO. */
static int set_limit(int fd, int direction, uint64_t deadline_usec)
{
        uint64_t left_usec = usec_sub(deadline_usec, wire_now_usec());
        struct timeval left = { .tv_sec = (time_t)(left_usec / USEC_PER_SEC),
                                .tv_usec = (suseconds_t)(left_usec % USEC_PER_SEC) };

        if (left_usec == 0) { /* to the kernel that would be no limit */
                return -ETIMEDOUT;
        }
        return setsockopt(fd, SOL_SOCKET, direction, &left, sizeof(left)) < 0 ? -errno : 0;
}

static int connect_to(int *ret_fd, const struct sockaddr *name, socklen_t length, uint64_t deadline_usec)
{
        _cleanup_close_ int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0) {
                return -errno;
        }
        do {
                r = set_limit(fd, SO_SNDTIMEO, deadline_usec);
                if (r < 0) {
                        return r;
                }
        } while (connect(fd, name, length) < 0 && (r = -errno) == -EINTR);
        if (r == -EAGAIN || r == -EINPROGRESS || r == -EALREADY) {
                return -ETIMEDOUT;
        }
        if (r < 0) {
                return r;
        }
        *ret_fd = take_fd(fd);
        return 0;
}

/* Of the process that began to listen there: the daemon, or the service manager that has the socket for it.
 */
static bool is_of_own_user(int fd)
{
        struct ucred peer = { 0 };
        socklen_t length = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && length == sizeof(peer) &&
               peer.uid == geteuid();
}

static int connect_unix(int *ret_fd, const struct address *address, uint64_t deadline_usec)
{
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;

        (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", address->unix_path);
        int r = connect_to(&fd, (const struct sockaddr *)&name, sizeof(name), deadline_usec);
        if (r < 0) {
                return r;
        }
        if (address->own_only && !is_of_own_user(fd)) {
                return -EACCES;
        }
        *ret_fd = take_fd(fd);
        return 0;
}

static int connect_port(int *ret_fd, int family, int port, uint64_t deadline_usec)
{
        const int on = 1;
        const struct sockaddr_in name = { .sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const struct sockaddr_in6 name6 = { .sin6_family = AF_INET6,
                                            .sin6_port = htons((uint16_t)port),
                                            .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        int r = family == AF_INET
                        ? connect_to(ret_fd, (const struct sockaddr *)&name, sizeof(name), deadline_usec)
                        : connect_to(ret_fd, (const struct sockaddr *)&name6, sizeof(name6), deadline_usec);

        if (r < 0) {
                return r;
        }
        /* Without it, it is only slower. */
        (void)setsockopt(*ret_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return 0;
}

int wire_connect(int *ret_fd, const struct address *address, uint64_t deadline_usec)
{
        if (address->unix_path) {
                return connect_unix(ret_fd, address, deadline_usec);
        }
        bool is_v6 = strstr(address->url, "[::1]"), is_name = strstr(address->url, "localhost");
        int port = atoi(strrchr(address->url, ':') + 1); /* address_parse() has seen it */
        int r = connect_port(ret_fd, is_v6 ? AF_INET6 : AF_INET, port, deadline_usec);

        /* The name means both, on every host. */
        if (is_name && r == -ECONNREFUSED && connect_port(ret_fd, AF_INET6, port, deadline_usec) >= 0) {
                r = 0;
        }
        return r;
}

union end {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
};

static int write_end(const union end *end, char *ret_text, size_t size, int *ret_port)
{
        bool is_v4 = end->any.sa_family == AF_INET;
        const void *number = is_v4 ? (const void *)&end->in.sin_addr : &end->in6.sin6_addr;

        *ret_port = ntohs(is_v4 ? end->in.sin_port : end->in6.sin6_port);
        return inet_ntop(end->any.sa_family, number, ret_text, (socklen_t)size) ? 0 : -errno;
}

int wire_ends(int fd, struct wire_ends *ret)
{
        union end own = { 0 }, other = { 0 };
        socklen_t own_length = sizeof(own), other_length = sizeof(other);

        if (getsockname(fd, &own.any, &own_length) < 0 || getpeername(fd, &other.any, &other_length) < 0) {
                return -errno;
        }
        int r = write_end(&own, ret->own, sizeof(ret->own), &ret->own_port);
        return r < 0 ? r : write_end(&other, ret->other, sizeof(ret->other), &ret->other_port);
}

int wire_send(int fd, struct iovec *vectors, size_t n, uint64_t deadline_usec)
{
        while (n > 0) {
                const struct msghdr message = { .msg_iov = vectors, .msg_iovlen = n };
                int r = set_limit(fd, SO_SNDTIMEO, deadline_usec);
                if (r < 0) {
                        return r == -ETIMEDOUT ? r : -ECONNRESET;
                }
                ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
                if (sent < 0 && errno != EINTR) {
                        return errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
                }
                for (size_t left = sent < 0 ? 0 : (size_t)sent;
                     n > 0 && (left > 0 || vectors->iov_len == 0);) {
                        size_t taken = MIN_OF(left, vectors->iov_len);
                        vectors->iov_base = (char *)vectors->iov_base + taken;
                        vectors->iov_len -= taken;
                        left -= taken;
                        if (vectors->iov_len == 0) {
                                vectors++;
                                n--;
                        }
                }
        }
        return 0;
}

/* Until one of the two can be read; a number below 0 is none. 0 if it is the first, -EINTR for the second,
 * -ETIMEDOUT. */
static int wait_for_either(int fd, int stop_fd, uint64_t deadline_usec)
{
        struct pollfd polls[] = { { fd, POLLIN, 0 }, { stop_fd, POLLIN, 0 } };
        int n;

        do {
                uint64_t left_usec = usec_sub(deadline_usec, wire_now_usec());

                n = poll(polls, ARRAY_SIZE(polls), (int)((left_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                return -ECONNRESET;
        }
        return polls[0].revents != 0 ? 0 : n > 0 ? -EINTR : -ETIMEDOUT;
}

int wire_pause(const int *stop_fd, uint64_t deadline_usec)
{
        return wait_for_either(-1, stop_fd ? *stop_fd : -1, deadline_usec) == -EINTR ? -EINTR : 0;
}

ssize_t wire_receive(int fd, const int *stop_fd, void *buffer, size_t size, uint64_t deadline_usec)
{
        ssize_t received;

        if (stop_fd) {
                int r = wait_for_either(fd, *stop_fd, deadline_usec);
                if (r < 0) {
                        return r;
                }
        }
        do {
                int r = set_limit(fd, SO_RCVTIMEO, deadline_usec);
                if (r < 0) {
                        return r == -ETIMEDOUT ? r : -ECONNRESET;
                }
                received = recv(fd, buffer, size, 0);
        } while (received < 0 && errno == EINTR);
        if (received < 0) {
                return errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
        }
        return received;
}

bool wire_is_idle(int fd)
{
        char byte;

        return recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}
