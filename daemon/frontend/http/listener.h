/* A listener: accepts connections, asks who is calling, hands them to the HTTP server. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "daemon/frontend/http/http_server.h"

#include <systemd/sd-event.h>

struct listener;

/* Accepts at the socket fd from now on, and takes it over in any case. place: the facts for the checks of
 * headers. passed: it is the service manager's, and outlives the daemon. name: for the event loop's
 * messages. Negative errno. */
int listener_new(struct listener **ret, sd_event *event, int fd, const struct listen_place *place,
                 bool passed, const char *name, struct http_server *server, struct peer_finder *finder);
/* Stops it, too. NULL is fine; returns NULL. */
struct listener *listener_free(struct listener *listener);

/* Accepts no more, and closes. At our own socket, connections in the kernel's queue are taken in first:
 * nobody else has it any more. The queue of a passed one is left as it is, for the next process. */
void listener_stop(struct listener *listener);
