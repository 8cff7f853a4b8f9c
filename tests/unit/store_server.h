/* A store for unit tests, in the loop of the one who asks it: it says whatever it is told to, in pieces of
 * any size, and notes what it hears. */
#pragma once

#include "lib/store_address.h"
#include "lib/store_request.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct store_server {
        const char *answers[2]; /* to the first and the second request; NULL: silence */
        size_t piece;           /* so many bytes in one turn of the loop; 0: all */
        bool closes;            /* when all is said */
        char path[64];
        int listener, peer;
        sd_event_source *listening, *serving, *sending;
        size_t n_connections, n_requests, n_logins, n_sent, n_read;
        char request[STORE_REQUEST_MAX];
};

/* Listens. The answers are borrowed; ret: its address. */
void store_server_listen(struct store_server *server, sd_event *event, const char *first, const char *second,
                         struct store_address *ret);
void store_server_end(struct store_server *server);
