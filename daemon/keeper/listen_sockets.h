/* All the sockets that the daemon listens on: the keeper opens them and holds them, the frontend accepts.
 *
 * They outlive a frontend, so what waits in their queues is there for the next one. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/keeper/listen_socket.h"
#include "lib/message.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

/* Their use. */
struct listen_sockets_user {
        /* The frontend is to accept there from now on, or not any more: waiting connections are to be let in
         * first. */
        void (*on_open)(const struct message_listener *listener, int fd, void *userdata);
        void (*on_closed)(uint32_t id, void *userdata);
        void (*on_arrival)(void *userdata); /* a connection arrives: see listen_sockets_watch() */
        void *userdata;
};

struct listen_sockets_place {
        struct listen_socket socket; /* fd -1: there is none */
        sd_event_source *arrival;
};

/* Zeroed, then listen_sockets_init(). */
struct listen_sockets {
        struct listen_sockets_place places[MESSAGE_LISTENERS_MAX]; /* the index is the id */
        struct listen_sockets_user user;
        sd_event *event;
        struct socket_access access;   /* of the unix sockets among them */
        struct access_rule group_rule; /* the name of their group, as it was set last */
        bool group_moved; /* the group's name had gone, or has another number; the owner clears it */
        bool passed;      /* they are the service manager's: the settings have no say */
        bool started;     /* the first settings have their sockets */
        bool watched;
};

void listen_sockets_init(struct listen_sockets *sockets, sd_event *event,
                         const struct listen_sockets_user *user);

/* Takes the sockets over that the service manager passed, if there are any: they take the place of those
 * that the settings name, now and after each reload; in a user's own broker, of the unix sockets among
 * those. Negative errno (logged). */
int listen_sockets_adopt(struct listen_sockets *sockets, struct passed_sockets *passed);

/* Opens what these settings want and is not open yet, or is a unix socket whose path was removed; then
 * closes what they do not want: no connection that is open, and none in a queue, is lost. Passed
 * ones stay as they are. Negative errno (logged, and told by reterr_message): all is as it was. */
int listen_sockets_apply(struct listen_sockets *sockets, const struct settings *settings,
                         char reterr_message[static LISTEN_SOCKET_ERROR_MAX]);

/* Gives the unix sockets that we made the mode and group of these settings once more: the group's name may
 * have gone, or have another number. Where it cannot be done, nobody has the group's bits, and the log says
 * so. */
void listen_sockets_give(struct listen_sockets *sockets, const struct settings *settings);

/* A frontend has started: calls on_open for each. */
void listen_sockets_show(const struct listen_sockets *sockets);

/* Calls on_arrival at the next connection, once. */
void listen_sockets_watch(struct listen_sockets *sockets);

/* The end: paths are removed, and nobody but the frontend has the sockets any more. on_closed is not called.
 */
void listen_sockets_close(struct listen_sockets *sockets);
