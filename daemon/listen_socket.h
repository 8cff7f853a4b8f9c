/* A socket that listens, and where: one that we made, or one that the service manager did. */
#pragma once

#include "daemon/guard.h"
#include "lib/listen_address.h"

#include <sys/types.h>

struct listen_socket {
        int fd;
        struct listen_address address; /* as it was asked for; unset in a passed one */
        struct guard_place place;
        char name[128]; /* for messages: "127.0.0.1:9377" with the port that the kernel chose, or the path */
        bool passed;    /* it is the service manager's, and outlives us */
        bool made_path;
        ino_t inode; /* of the unix socket we made: only that is removed at the end */
};

#define LISTEN_SOCKET_ERROR_MAX 256

/* Binds and listens. -EAFNOSUPPORT, -EADDRNOTAVAIL: the host has no such address family. Any error:
 * reterr_message says what and what to do. A stale unix socket is replaced; one that somebody listens on is
 * -EADDRINUSE. */
int listen_socket_open(struct listen_socket *ret, const struct listen_address *address,
                       char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Takes over a socket that listens on loopback or a path already (daemon/passed has seen to that). Negative
 * errno, with reterr_message: it stays the caller's. */
int listen_socket_adopt(struct listen_socket *ret, int fd,
                        char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Closes our descriptor, and removes the path if we made it. What waits in the queue of a passed socket
 * stays there for the next process. Harmless if it is closed already. */
void listen_socket_close(struct listen_socket *listen_socket);
