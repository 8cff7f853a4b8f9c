/* A listener: accepts connections, asks who is calling, hands them to the HTTP server. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/listen_socket.h"

#include <systemd/sd-event.h>

struct listener;

/* Takes the socket over in any case. Negative errno. */
int listener_new(struct listener **ret, sd_event *event, struct listen_socket *listen_socket,
                 struct http_server *server, struct peer_finder *finder);
/* Stops it, too. NULL is fine; returns NULL. */
struct listener *listener_free(struct listener *listener);

/* Accepts no more, and closes. At our own socket, who is in the kernel's queue is taken in first, and the
 * path of a unix socket is removed: later callers are refused at once. The queue of a passed one is left as
 * it is, for the next process. */
void listener_stop(struct listener *listener);

/* Where it was asked to listen. */
const struct listen_address *listener_address(const struct listener *listener);

/* See listen_socket_give(). */
int listener_give(const struct listener *listener, const struct socket_access *access,
                  char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* See listen_socket_is_lost(). */
bool listener_is_lost(const struct listener *listener);

/* For messages: see listen_socket.name. */
const char *listener_name(const struct listener *listener);
