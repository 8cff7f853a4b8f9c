/* listener: a listening socket on the event loop, which can refuse connections for a while without losing
 * its port. */
#pragma once

#include "simulator/address.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct listener;

/* Takes over a fresh, non-blocking connection. */
typedef void (*listener_accept_t)(int fd, const struct sockaddr *peer, socklen_t peer_size, void *userdata);

/* Listens on the address; port 0 lets the kernel choose. The caller frees the listener. Returns 0 or a
 * negative errno, -EADDRINUSE above all. */
int listener_new(struct listener **ret, sd_event *event, const struct address *address,
                 listener_accept_t on_accept, void *userdata);
struct listener *listener_free(struct listener *listener);

/* The address with the port in use. */
const struct address *listener_address(const struct listener *listener);

/* Makes the kernel refuse connections, those waiting in the queue included, or take them again. Returns 0 or
 * a negative errno. */
int listener_set_refusing(struct listener *listener, bool refusing);

/* Ends a TCP connection with a reset at once. The descriptor stays open and is good for closing only. */
void socket_reset(int fd);
