/* Descriptors that the service manager passed at start (sd_listen_fds(3)): sockets to listen on, its netlink
 * socket, and what it kept for us. Each is told apart by its name and by what the kernel says it is. */
#pragma once

#include "lib/settings.h"

#define PASSED_SERIES_MAX    8 /* of each name */
#define PASSED_KEPT_MAX      (3 * PASSED_SERIES_MAX)
#define PASSED_KEPT_NAME_MAX 31 /* characters */

/* Descriptors; a list has none beyond its count, a single one is -1 if there is none. Code that takes one
 * over puts -1 in its place. All are close-on-exec and non-blocking. */
struct passed_sockets {
        int listen[SETTINGS_LISTEN_MAX]; /* stream sockets that listen: loopback TCP or unix */
        size_t n_listen;
        int credential;            /* a unix socket that listens, named "credential" */
        int diagnosis;             /* a socket-diagnosis netlink socket (ListenNetlink=inet-diag 0) */
        int kept[PASSED_KEPT_MAX]; /* named as in session_store.h: "sessions-N" and others */
        char kept_names[PASSED_KEPT_MAX][PASSED_KEPT_NAME_MAX + 1];
        size_t n_kept;
};

/* Takes them all, once, and takes the variables that announce them out of our environment. Any other one is
 * logged and closed; so is a TCP socket beyond loopback, which is refused. Zero descriptors are
 * fine. Negative errno: the manager's announcement makes no sense. */
int passed_sockets_take(struct passed_sockets *ret);

/* Closes what nobody took over. */
void passed_sockets_close(struct passed_sockets *passed);
