/* A socket that listens, and where: one that we made, or one that the service manager did. */
#pragma once

#include "lib/listen_address.h"
#include "lib/listen_place.h"

#include <sys/types.h>

/* Access to a unix socket that we make, as far as the file system says. */
struct socket_access {
        mode_t mode;
        bool has_group; /* else the kernel's choice */
        gid_t group;
};

struct listen_socket {
        int fd;
        struct listen_address address; /* as it was asked for; unset in a passed one */
        struct listen_place place;
        char name[128]; /* for messages: "127.0.0.1:9377" with the port that the kernel chose, or the path */
        bool passed;    /* it is the service manager's, and outlives us */
        bool made_path;
        gid_t own_group; /* likewise: the kernel's choice */
        ino_t inode;     /* of the unix socket we made: only that is removed at the end */
};

#define LISTEN_SOCKET_ERROR_MAX 256

/* Binds and listens; access is for unix sockets. -EAFNOSUPPORT, -EADDRNOTAVAIL: the host has no such address
 * family. Any error: reterr_message says what and what to do. A stale unix socket is replaced; one that
 * somebody listens on is -EADDRINUSE. */
int listen_socket_open(struct listen_socket *ret, const struct listen_address *address,
                       const struct socket_access *access,
                       char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Gives a unix socket that we made another mode and group; others stay as they are. Negative errno, with
 * reterr_message: the group has none of the mode's bits then. */
int listen_socket_give(const struct listen_socket *listen_socket, const struct socket_access *access,
                       char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Takes over a socket that listens on loopback or a path already (daemon/base/passed_sockets has seen to
 * that). Negative errno, with reterr_message: it stays the caller's. */
int listen_socket_adopt(struct listen_socket *ret, int fd,
                        char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Is it a unix socket that we made, and its path is gone, or is that of a socket which nobody has any more?
 * Then nobody finds it. Anything else that somebody put in its place is left alone. */
bool listen_socket_is_lost(const struct listen_socket *listen_socket);

/* Closes our descriptor, and removes the path if we made it, first. Connections in the queue are for those
 * who have the socket, too. Harmless if it is closed already. */
void listen_socket_close(struct listen_socket *listen_socket);
