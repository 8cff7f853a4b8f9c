/* The caller, from the kernel: asked once per connection, at accept.
 *
 * On a unix socket the kernel kept the caller's credentials (SO_PEERCRED; for the groups see
 * daemon/frontend/callers/peer_groups.h). On loopback TCP
 * the socket-diagnosis interface (NETLINK_SOCK_DIAG, see sock_diag(7)) names the uid that made the client's
 * end. Every doubt ends in "unknown", never in a guess: an answer about a socket that no process holds any
 * more reads as uid 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct peer {
        bool known;
        bool tcp;
        uid_t uid;
        gid_t gid;       /* unix: its primary group; TCP: (gid_t)-1 */
        pid_t pid;       /* unix: 0 if in a foreign pid namespace; TCP: 0 */
        int fd;          /* unix: our end, still the connection's own; -1: there is none any more */
        const char *why; /* static: why it is unknown */
};

/* The open question line to the kernel. */
struct peer_finder;

/* fd: a socket-diagnosis netlink socket, which may have served another process before: unread data in it is
 * dropped. It answers for the network namespace that it was opened in. Taken over (also when it
 * fails). Negative errno. */
int peer_finder_new(struct peer_finder **ret, int fd);

/* NULL is fine; returns NULL. */
struct peer_finder *peer_finder_free(struct peer_finder *finder);

/* The common part of all connections that come in by one listening socket, bound to one address as ours
 * are: our end's address, and the network namespace, which they inherit. Looked up once, it saves two calls
 * for each connection. */
struct peer_door {
        struct sockaddr_storage own;
        const char *why; /* static: why no caller can be known that comes in by it; NULL: it can */
};

/* fd: the listening socket, or a connected one. Fills *ret in any case. */
void peer_door_look(struct peer_door *ret, const struct peer_finder *finder, int fd);

/* Finds the process that holds the other end of fd, which came in by this door, and whose other end has this
 * address, as accept() told it. To be called at once after accept(). On a unix socket the answer is of the
 * moment of connect(), and cannot change. On TCP it is about the process that has the four numbers now, and
 * so the caller is unknown unless our own end is ESTABLISHED or CLOSE_WAIT afterwards: the connection may
 * have been reset in the queue, and its port be somebody else's. Fills *ret in any case. */
void peer_find(struct peer_finder *finder, const struct peer_door *door, int fd,
               const struct sockaddr_storage *other, struct peer *ret);

/* Our end is about to be closed: nothing more can be asked about it. */
void peer_clear(struct peer *peer);
