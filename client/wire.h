/* Wire: a connection to a daemon on this machine: bytes, with a moment by which they have to be there.
 * Moments are of CLOCK_MONOTONIC. */
#pragma once

#include "client/address.h"

#include <sys/types.h>
#include <sys/uio.h>

/* Of CLOCK_MONOTONIC. */
uint64_t wire_now_usec(void);

/* Connects. -ETIMEDOUT, or another negative errno: why there is no connection; -EACCES as well where the
 * address is for sockets of our own user only, and that is another's. */
int wire_connect(int *ret_fd, const struct address *address, uint64_t deadline_usec);

/* The two ends of a TCP connection, in digits. Negative errno. */
struct wire_ends {
        char own[46], other[46]; /* INET6_ADDRSTRLEN */
        int own_port, other_port;
};
int wire_ends(int fd, struct wire_ends *ret);

/* Sends all of it; the vectors are used up. -ETIMEDOUT, -ECONNRESET. */
int wire_send(int fd, struct iovec *vectors, size_t n, uint64_t deadline_usec);

/* Receives what is there, at most size: its length, 0 at the end. -ETIMEDOUT, -ECONNRESET; -EINTR if that
 * has to be waited for, and *stop_fd can be read; NULL: there is none. */
ssize_t wire_receive(int fd, const int *stop_fd, void *buffer, size_t size, uint64_t deadline_usec);

/* Waits until *stop_fd can be read: -EINTR. 0: the moment came first. Without it, 0 at that moment. */
int wire_pause(const int *stop_fd, uint64_t deadline_usec);

/* Is it open still, with nothing to be read? */
bool wire_is_idle(int fd);
