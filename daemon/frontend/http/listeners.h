/* All the places where the daemon listens. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/frontend/http/listener.h"
#include "lib/settings.h"

struct listeners {
        struct listener *list[SETTINGS_LISTEN_MAX];
        size_t n;
        struct socket_access access;   /* of the unix sockets among them */
        struct access_rule group_rule; /* the name of their group, as it was set last */
        bool group_moved; /* the group's name had gone, or has another number; the owner clears it */
        bool passed;      /* they are the service manager's: the settings have no say */
};

/* Takes the sockets over that the service manager passed, if there are any: they take the place of those
 * that the settings name, now and after each reload. Negative errno (logged). */
int listeners_adopt(struct listeners *listeners, struct passed_sockets *passed, sd_event *event,
                    struct http_server *server, struct peer_finder *finder);

/* Opens what these settings want and is not open yet, or is a unix socket whose path was removed; then
 * closes what they do not want: no connection that is open, and none in a queue that stays, is lost. Passed
 * ones stay as they are. Negative errno (logged, and told by reterr_message): all is as it was. */
int listeners_apply(struct listeners *listeners, const struct settings *settings, sd_event *event,
                    struct http_server *server, struct peer_finder *finder,
                    char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Gives the unix sockets that we made the mode and group of these settings once more: the group's name may
 * have gone, or have another number. Where it cannot be done, nobody has the group's bits, and the log says
 * so. */
void listeners_give(struct listeners *listeners, const struct settings *settings);

/* Accept no more. */
void listeners_stop(struct listeners *listeners);

void listeners_close(struct listeners *listeners);
