/* server: the whole simulator: environments on their listeners, the admin listener, and the loop. */
#pragma once

#include "simulator/options.h"

struct server;

/* Builds everything and listens. Says on stderr what went wrong. The caller frees the server, and keeps the
 * options as long. Returns 0 or a negative errno: -EADDRINUSE and the like when it cannot listen. */
int server_new(struct server **ret, const struct options *options);
struct server *server_free(struct server *server);
void server_freep(struct server **server);

/* Prints the line that says where everything is. Returns 0 or a negative errno. */
int server_announce(const struct server *server);

/* Runs until SIGTERM or SIGINT. Returns 0 or a negative errno. */
int server_run(struct server *server);
