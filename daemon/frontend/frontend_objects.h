/* The frontend's objects, for the two files that work on it: daemon/frontend/frontend builds it and runs,
 * daemon/frontend/told takes what the keeper tells. */
#pragma once

#include "daemon/frontend/api/api.h"
#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/credentials/credential_source.h"
#include "daemon/frontend/gateway/gateway.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/listener.h"
#include "daemon/frontend/keeper_link.h"
#include "daemon/frontend/low_descriptors.h"
#include "lib/message.h"

struct frontend {
        sd_event *event;
        struct keeper keeper; /* the way to it */
        struct sides sides;
        struct known known;
        struct audit *audit;
        struct api api;
        struct peer_finder *finder; /* NULL: callers on TCP are unknown */
        struct gateway *gateway;
        struct http_server *server;
        struct listener *listeners[MESSAGE_LISTENERS_MAX]; /* by their id */
        struct credential_source *credentials; /* NULL: the service manager passed no socket for it */

        struct access_settings *coming; /* settings whose rules are still to come; NULL: none */
        bool coming_end_unix;
        struct session *coming_session; /* of the environment that is told next */
        char coming_session_environment[ENVIRONMENT_NAME_MAX + 1];

        unsigned
                n_draining; /* the HTTP side and the credentials, as long as they have something to answer */
        struct low_descriptors low;
        int listener_numbers[MESSAGE_LISTENERS_MAX]; /* their descriptors; 0: none */
};

/* A message of the keeper's; fd as for channel_handlers.on_message; userdata is the frontend. */
void told_on_message(const void *bytes, size_t length, int fd, void *userdata);
