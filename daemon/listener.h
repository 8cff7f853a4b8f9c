/* A listening socket: accepts connections, asks who is calling, hands them to the HTTP server. */
#pragma once

#include "daemon/http_server.h"
#include "daemon/peer.h"
#include "lib/listen_address.h"

#include <systemd/sd-event.h>

struct listener;

#define LISTENER_ERROR_MAX 256

/* Binds and listens. -EAFNOSUPPORT, -EADDRNOTAVAIL: the host has no such address family. Other errors:
 * reterr_message says what and what to do. A stale unix socket is replaced; one that somebody listens on is
 * -EADDRINUSE. */
int listener_new(struct listener **ret, sd_event *event, const struct listen_address *address,
                 struct http_server *server, struct peer_finder *finder,
                 char reterr_message[static LISTENER_ERROR_MAX]);
/* Stops it, too. NULL is fine; returns NULL. */
struct listener *listener_free(struct listener *listener);

/* Takes in who is in the kernel's queue, then closes, and removes the unix socket it made: later callers are
 * refused at once. */
void listener_stop(struct listener *listener);

const struct listen_address *listener_address(const struct listener *listener);

/* For messages: "127.0.0.1:9377" with the port that the kernel chose, or the path. */
const char *listener_name(const struct listener *listener);
