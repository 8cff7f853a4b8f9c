/* All the places where the daemon listens. */
#pragma once

#include "daemon/listener.h"
#include "lib/settings.h"

struct listeners {
        struct listener *list[SETTINGS_LISTEN_MAX];
        size_t n;
};

/* Opens what these settings want and is not open yet, then closes what they do not want: no connection that
 * is open, and none in a queue that stays, is lost. Negative errno (logged): all is as it was. */
int listeners_apply(struct listeners *listeners, const struct settings *settings, sd_event *event,
                    struct http_server *server, struct peer_finder *finder);

/* Accept no more. */
void listeners_stop(struct listeners *listeners);

void listeners_close(struct listeners *listeners);
