/* Local listener: a user's own broker listens on a unix socket only; programs that have a local key need a
 * port. */
#pragma once

#include "lib/settings.h"

/* Does the broker of these settings listen on a port? */
bool local_listener_has_port(const struct settings *settings);

/* Adds "listen = 127.0.0.1:PORT" to the configuration, in a file of its own, with a port that is free now:
 * 9377, or one of the next. False after saying why. ret_port: for the base URL of programs. */
bool local_listener_add(const struct settings *settings, unsigned *ret_port);
