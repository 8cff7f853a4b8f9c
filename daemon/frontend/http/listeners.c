/* All the places where the daemon listens. */
#include "daemon/frontend/http/listeners.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* What listeners_apply() needs at hand. */
struct places {
        struct listener *list[SETTINGS_LISTEN_MAX];
        bool made[SETTINGS_LISTEN_MAX]; /* just now */
        size_t n;
};

static bool is_among(struct listener *const *list, size_t n, const struct listener *listener)
{
        for (size_t i = 0; i < n; i++) {
                if (list[i] == listener) {
                        return true;
                }
        }
        return false;
}

/* One that is open already and not claimed yet, and where callers find it. An address has one spelling; so a
 * port that the kernel chose is kept, too. */
static struct listener *find_open(const struct listeners *listeners, const struct places *claimed,
                                  const struct listen_address *address)
{
        for (size_t i = 0; i < listeners->n; i++) {
                const struct listen_address *other = listener_address(listeners->list[i]);
                if (other->kind == address->kind && streq(other->path, address->path) &&
                    !listener_is_lost(listeners->list[i]) &&
                    !is_among(claimed->list, claimed->n, listeners->list[i])) {
                        return listeners->list[i];
                }
        }
        return NULL;
}

/* Tells of a socket, or of why it is none. */
static void tell(int r, const struct listener *listener, const char *message)
{
        journal_say(&(struct journal_record){ .priority = r < 0 ? LOG_ERR : LOG_INFO,
                                              .id = r < 0 ? EVENT_LISTEN_FAILED : EVENT_LISTENING },
                    r < 0 ? "%s" : "listening on %s", r < 0 ? message : listener_name(listener));
}

/* 0 with *ret NULL: an optional one that this host cannot have. */
static int open_listener(const struct listen_address *address, const struct socket_access *access,
                         sd_event *event, struct http_server *server, struct peer_finder *finder,
                         struct listener **ret, char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        struct listen_socket made;
        int r = listen_socket_open(&made, address, access, reterr_message);

        if ((r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) && address->optional) {
                *ret = NULL;
                return 0;
        }
        if (r >= 0) {
                r = listener_new(ret, event, &made, server, finder);
                if (r < 0) {
                        (void)snprintf(reterr_message, LISTEN_SOCKET_ERROR_MAX, "cannot listen on %s: %s",
                                       address->path, strerror(-r));
                }
        }
        tell(r, r < 0 ? NULL : *ret, reterr_message);
        return r;
}

static int adopt_one(int *fd, sd_event *event, struct http_server *server, struct peer_finder *finder,
                     struct listener **ret)
{
        struct listen_socket adopted;
        char message[LISTEN_SOCKET_ERROR_MAX] = "out of memory";
        int r = listen_socket_adopt(&adopted, *fd, message);

        if (r >= 0) {
                *fd = -1;
                r = listener_new(ret, event, &adopted, server, finder);
        }
        tell(r, r < 0 ? NULL : *ret, message);
        return r;
}

int listeners_adopt(struct listeners *listeners, struct passed_sockets *passed, sd_event *event,
                    struct http_server *server, struct peer_finder *finder)
{
        if (passed->n_listen == 0) {
                return 0;
        }
        for (size_t i = 0; i < passed->n_listen; i++) {
                int r = adopt_one(&passed->listen[i], event, server, finder, &listeners->list[listeners->n]);
                if (r < 0) {
                        return r;
                }
                listeners->n++;
        }
        listeners->passed = true;
        journal_say(&(struct journal_record){ .priority = LOG_INFO },
                    "the sockets are the service manager's: they take the place of 'listen ='");
        return 0;
}

static bool is_same(const struct socket_access *a, const struct socket_access *b)
{
        return a->mode == b->mode && a->has_group == b->has_group && (!a->has_group || a->group == b->group);
}

/* All of it or nothing: where one cannot be given away, the others are as before. */
static int give_all(struct listeners *listeners, const struct places *wanted,
                    const struct socket_access *access, char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        char ignored[LISTEN_SOCKET_ERROR_MAX];
        int r = 0;

        if (is_same(access, &listeners->access)) {
                return 0;
        }
        for (size_t i = 0; r >= 0 && i < wanted->n; i++) {
                if (!wanted->made[i]) {
                        r = listener_give(wanted->list[i], access, reterr_message);
                }
        }
        for (size_t i = 0; r < 0 && i < wanted->n; i++) {
                if (!wanted->made[i]) {
                        (void)listener_give(wanted->list[i], &listeners->access, ignored);
                }
        }
        if (r >= 0) {
                listeners->access = *access;
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

void listeners_give(struct listeners *listeners, const struct settings *settings)
{
        struct socket_access access = access_of(settings);

        if (listeners->passed || is_same(&access, &listeners->access)) {
                return;
        }
        for (size_t i = 0; i < listeners->n; i++) {
                char message[LISTEN_SOCKET_ERROR_MAX];
                if (listener_give(listeners->list[i], &access, message) < 0) {
                        journal_say(
                                &(struct journal_record){ .priority = LOG_ERR, .id = EVENT_LISTEN_FAILED },
                                "%s", message);
                        access.mode &= ~(mode_t)S_IRWXG; /* as it stands, for the next time */
                }
        }
        listeners->group_moved = listeners->group_moved || access.has_group != listeners->access.has_group ||
                                 access.group != listeners->access.group;
        listeners->access = access;
}

/* Is the group the one of before, by its name? Then that it has gone, or has another number that we may not
 * give away, is no reason to refuse the settings. */
static bool keeps_group(const struct listeners *listeners, const struct settings *settings)
{
        const struct access_rule *before = &listeners->group_rule, *now = &settings->socket_group;

        return settings->has_socket_group &&
               (!now->resolved || (now->kind == ACCESS_RULE_GROUP && before->kind == now->kind &&
                                   streq(before->name, now->name)));
}

int listeners_apply(struct listeners *listeners, const struct settings *settings, sd_event *event,
                    struct http_server *server, struct peer_finder *finder,
                    char reterr_message[static LISTEN_SOCKET_ERROR_MAX])
{
        const struct socket_access access = access_of(settings);
        struct places wanted = { 0 };
        int r = 0;

        if (listeners->passed) {
                return 0;
        }
        for (size_t i = 0; r >= 0 && i < settings->n_listen; i++) {
                struct listener *listener = find_open(listeners, &wanted, &settings->listen[i]);
                bool make = !listener;
                if (make) {
                        r = open_listener(&settings->listen[i], &access, event, server, finder, &listener,
                                          reterr_message);
                }
                if (r >= 0 && listener) {
                        wanted.made[wanted.n] = make;
                        wanted.list[wanted.n++] = listener;
                }
        }
        if (r >= 0 && keeps_group(listeners, settings)) {
                listeners_give(listeners, settings);
        } else if (r >= 0) {
                r = give_all(listeners, &wanted, &access, reterr_message);
        }
        if (r < 0) {
                for (size_t i = 0; i < wanted.n; i++) {
                        if (wanted.made[i]) {
                                (void)listener_free(wanted.list[i]);
                        }
                }
                return r;
        }
        for (size_t i = 0; i < listeners->n; i++) {
                if (!is_among(wanted.list, wanted.n, listeners->list[i])) {
                        (void)listener_free(listeners->list[i]);
                }
        }
        listeners->group_rule = settings->socket_group;
        memcpy(listeners->list, wanted.list, sizeof(wanted.list));
        listeners->n = wanted.n;
        return 0;
}

void listeners_stop(struct listeners *listeners)
{
        for (size_t i = 0; i < listeners->n; i++) {
                listener_stop(listeners->list[i]);
        }
}

void listeners_close(struct listeners *listeners)
{
        for (size_t i = 0; i < listeners->n; i++) {
                listeners->list[i] = listener_free(listeners->list[i]);
        }
        listeners->n = 0;
}
