/* All the sockets that the daemon listens on. */
#include "daemon/keeper/listen_sockets.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

#define PAUSE_NSEC (20 * 1000 * 1000)
#define PAUSES_MAX 50

/* The needs of listen_sockets_apply(): which places the new settings want, and which are new. */
struct claims {
        bool wanted[MESSAGE_LISTENERS_MAX], made[MESSAGE_LISTENERS_MAX];
};

static bool is_open(const struct listen_sockets_place *place)
{
        return place->socket.fd >= 0;
}

static void say_open(const struct listen_sockets_place *place)
{
        journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_LISTENING },
                    "listening on %s", place->socket.name);
}

static void say_failed(const char *message)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_LISTEN_FAILED }, "%s",
                    message);
}

static void show(const struct listen_sockets *sockets, size_t id)
{
        const struct listen_socket *socket = &sockets->places[id].socket;
        struct message_listener listener;

        memset(&listener, 0, sizeof(listener));
        listener.kind = MESSAGE_LISTENS_HTTP;
        listener.id = (uint32_t)id;
        listener.place = socket->place;
        listener.passed = socket->passed;
        memcpy(listener.name, socket->name, sizeof(listener.name));
        sockets->user.on_open(&listener, socket->fd, sockets->user.userdata);
}

static int on_arrival(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct listen_sockets *sockets = userdata;

        sockets->watched = false;
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                if (sockets->places[i].arrival) {
                        (void)sd_event_source_set_enabled(sockets->places[i].arrival, SD_EVENT_OFF);
                }
        }
        sockets->user.on_arrival(sockets->user.userdata);
        return 0;
}

void listen_sockets_watch(struct listen_sockets *sockets)
{
        sockets->watched = true;
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                if (sockets->places[i].arrival) {
                        (void)sd_event_source_set_enabled(sockets->places[i].arrival, SD_EVENT_ON);
                }
        }
}

static void close_place(struct listen_sockets_place *place)
{
        place->arrival = sd_event_source_disable_unref(place->arrival);
        listen_socket_close(&place->socket);
}

/* Takes the socket over when it succeeds. */
static int fill_place(struct listen_sockets *sockets, const struct listen_socket *made, size_t *ret_id)
{
        size_t id = 0;

        while (id < ARRAY_SIZE(sockets->places) && is_open(&sockets->places[id])) {
                id++;
        }
        if (id == ARRAY_SIZE(sockets->places)) {
                return -E2BIG;
        }
        struct listen_sockets_place *place = &sockets->places[id];
        int r = sd_event_add_io(sockets->event, &place->arrival, made->fd, EPOLLIN, on_arrival, sockets);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(place->arrival, made->name);
        r = sd_event_source_set_enabled(place->arrival, sockets->watched ? SD_EVENT_ON : SD_EVENT_OFF);
        if (r < 0) {
                place->arrival = sd_event_source_disable_unref(place->arrival);
                return r;
        }
        place->socket = *made;
        *ret_id = id;
        return 0;
}

/* One that is open already and not claimed yet, and where callers find it; -1: none. An address has one
 * spelling; so a port that the kernel chose is kept, too. */
static int find_open(const struct listen_sockets *sockets, const struct claims *claims,
                     const struct listen_address *address)
{
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                const struct listen_socket *socket = &sockets->places[i].socket;
                if (is_open(&sockets->places[i]) && !claims->wanted[i] &&
                    socket->address.kind == address->kind && streq(socket->address.path, address->path) &&
                    !listen_socket_is_lost(socket)) {
                        return (int)i;
                }
        }
        return -1;
}

/* The frontend of a daemon that was killed just now may still be about to end: at a start that is waited
 * for. */
static int open_patiently(const struct listen_sockets *sockets, struct listen_socket *ret,
                          const struct listen_address *address, const struct socket_access *access,
                          char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        const struct timespec pause = { .tv_nsec = PAUSE_NSEC };
        int r = listen_socket_open(ret, address, access, reterr_message);

        for (int i = 0; r == -EADDRINUSE && !sockets->started && i < PAUSES_MAX; i++) {
                (void)nanosleep(&pause, NULL);
                r = listen_socket_open(ret, address, access, reterr_message);
        }
        return r;
}

/* 0 with *ret_made false: an optional one that this host cannot have. */
static int open_one(struct listen_sockets *sockets, const struct listen_address *address,
                    const struct socket_access *access, bool *ret_made, size_t *ret_id,
                    char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        struct listen_socket made;
        int r = open_patiently(sockets, &made, address, access, reterr_message);

        *ret_made = false;
        if ((r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) && address->optional) {
                return 0;
        }
        if (r < 0) {
                say_failed(reterr_message);
                return r;
        }
        r = fill_place(sockets, &made, ret_id);
        if (r < 0) {
                listen_socket_close(&made);
                (void)snprintf(reterr_message, LISTEN_SOCKET_ERROR_MAX, "cannot listen on %s: %s",
                               address->path, strerror(-r));
                say_failed(reterr_message);
                return r;
        }
        *ret_made = true;
        say_open(&sockets->places[*ret_id]);
        return 0;
}

void listen_sockets_init(struct listen_sockets *sockets, sd_event *event,
                         const struct listen_sockets_user *user)
{
        sockets->event = event;
        sockets->user = *user;
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                sockets->places[i].socket.fd = -1;
        }
}

static int adopt_one(struct listen_sockets *sockets, int *fd)
{
        struct listen_socket adopted;
        char message[LISTEN_SOCKET_ERROR_MAX];
        size_t id;

        int r = listen_socket_adopt(&adopted, *fd, message);
        if (r < 0) {
                say_failed(message);
                return r;
        }
        r = fill_place(sockets, &adopted, &id);
        if (r < 0) {
                say_failed("out of memory");
                return r;
        }
        *fd = -1;
        say_open(&sockets->places[id]);
        return 0;
}

int listen_sockets_adopt(struct listen_sockets *sockets, struct passed_sockets *passed)
{
        if (passed->n_listen == 0) {
                return 0;
        }
        for (size_t i = 0; i < passed->n_listen; i++) {
                int r = adopt_one(sockets, &passed->listen[i]);
                if (r < 0) {
                        return r;
                }
        }
        sockets->passed = true;
        journal_say(&(struct journal_record){ .priority = LOG_INFO },
                    "the sockets are the service manager's: they take the place of 'listen ='");
        return 0;
}

static bool is_same(const struct socket_access *a, const struct socket_access *b)
{
        return a->mode == b->mode && a->has_group == b->has_group && (!a->has_group || a->group == b->group);
}

/* All of it or nothing: where one cannot be given away, the others are as before. */
static int give_all(struct listen_sockets *sockets, const struct claims *claims,
                    const struct socket_access *access, char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        char ignored[LISTEN_SOCKET_ERROR_MAX];
        int r = 0;

        if (is_same(access, &sockets->access)) {
                return 0;
        }
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sockets->places); i++) {
                if (claims->wanted[i] && !claims->made[i]) {
                        r = listen_socket_give(&sockets->places[i].socket, access, reterr_message);
                }
        }
        for (size_t i = 0; r < 0 && i < ARRAY_SIZE(sockets->places); i++) {
                if (claims->wanted[i] && !claims->made[i]) {
                        (void)listen_socket_give(&sockets->places[i].socket, &sockets->access, ignored);
                }
        }
        if (r >= 0) {
                sockets->access = *access;
        }
        return r;
}

/* Without its group the group's bits would be somebody else's. */
static struct socket_access access_of(const struct settings *settings)
{
        bool lacks_group = settings->has_socket_group && !settings->socket_group.resolved;

        return (struct socket_access){ .mode = settings->socket_mode & ~(lacks_group ? S_IRWXG : 0u),
                                       .has_group = settings->has_socket_group && !lacks_group,
                                       .group = settings->socket_group.id };
}

void listen_sockets_give(struct listen_sockets *sockets, const struct settings *settings)
{
        struct socket_access access = access_of(settings);

        if (sockets->passed || is_same(&access, &sockets->access)) {
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                char message[LISTEN_SOCKET_ERROR_MAX];
                if (is_open(&sockets->places[i]) &&
                    listen_socket_give(&sockets->places[i].socket, &access, message) < 0) {
                        say_failed(message);
                        access.mode &= ~(mode_t)S_IRWXG; /* as it stands, for the next time */
                }
        }
        sockets->group_moved = sockets->group_moved || access.has_group != sockets->access.has_group ||
                               access.group != sockets->access.group;
        sockets->access = access;
}

/* Is the group the one of before, by its name? Then that it has gone, or has another number that we may not
 * give away, is no reason to refuse the settings. */
static bool keeps_group(const struct listen_sockets *sockets, const struct settings *settings)
{
        const struct access_rule *before = &sockets->group_rule, *now = &settings->socket_group;

        return settings->has_socket_group &&
               (!now->resolved || (now->kind == ACCESS_RULE_GROUP && before->kind == now->kind &&
                                   streq(before->name, now->name)));
}

/* Those of the service manager stay, whatever the settings want. */
static void claim_passed(const struct listen_sockets *sockets, struct claims *claims)
{
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                claims->wanted[i] = is_open(&sockets->places[i]) && sockets->places[i].socket.passed;
        }
}

/* Is this the service manager's business? A user's own broker opens ports itself, as the user's units have
 * no part in local keys; unless they listen there all the same. */
static bool is_managed(const struct listen_sockets *sockets, const struct listen_address *address)
{
        if (!sockets->passed) {
                return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                const struct listen_socket *socket = &sockets->places[i].socket;
                if (is_open(&sockets->places[i]) && socket->passed && streq(socket->name, address->path)) {
                        return true;
                }
        }
        return address->kind == LISTEN_UNIX;
}

/* Every socket that the settings want has a place in claims afterwards. */
static int claim_all(struct listen_sockets *sockets, const struct settings *settings, struct claims *claims,
                     char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        const struct socket_access access = access_of(settings);

        claim_passed(sockets, claims);
        for (size_t i = 0; i < settings->n_listen; i++) {
                if (is_managed(sockets, &settings->listen[i])) {
                        continue;
                }
                int found = find_open(sockets, claims, &settings->listen[i]);
                size_t id = (size_t)found;
                bool made = false;

                if (found < 0) {
                        int r = open_one(sockets, &settings->listen[i], &access, &made, &id, reterr_message);
                        if (r < 0) {
                                return r;
                        }
                }
                if (found >= 0 || made) {
                        claims->wanted[id] = true;
                        claims->made[id] = made;
                }
        }
        if (keeps_group(sockets, settings)) {
                listen_sockets_give(sockets, settings);
                return 0;
        }
        return give_all(sockets, claims, &access, reterr_message);
}

static void close_made(struct listen_sockets *sockets, const struct claims *claims)
{
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                if (claims->made[i]) {
                        close_place(&sockets->places[i]);
                }
        }
}

int listen_sockets_apply(struct listen_sockets *sockets, const struct settings *settings,
                         char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        struct claims claims = { 0 };

        if (sockets->passed && !settings->of_user) {
                return 0;
        }
        int r = claim_all(sockets, settings, &claims, reterr_message);
        if (r < 0) {
                close_made(sockets, &claims);
                return r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                struct listen_sockets_place *place = &sockets->places[i];
                if (claims.made[i]) {
                        show(sockets, i);
                } else if (is_open(place) && !claims.wanted[i]) {
                        close_place(place);
                        sockets->user.on_closed((uint32_t)i, sockets->user.userdata);
                }
        }
        sockets->group_rule = settings->socket_group;
        sockets->started = true;
        return 0;
}

void listen_sockets_show(const struct listen_sockets *sockets)
{
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                if (is_open(&sockets->places[i])) {
                        show(sockets, i);
                }
        }
}

void listen_sockets_close(struct listen_sockets *sockets)
{
        for (size_t i = 0; i < ARRAY_SIZE(sockets->places); i++) {
                if (is_open(&sockets->places[i])) {
                        close_place(&sockets->places[i]);
                }
        }
}
