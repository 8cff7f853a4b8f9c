/* The frontend: owns all that has to do with callers, and takes what the keeper tells. */
#include "daemon/frontend/frontend.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/credentials/credential_source.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/listeners.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

struct frontend {
        sd_event *event;
        struct known known;
        struct audit *audit;
        struct api api;
        struct peer_finder *finder;
        struct http_server *server;
        struct listeners listeners;
        struct credential_source *credentials; /* NULL: the service manager passed no socket for it */
        unsigned
                n_draining; /* the HTTP side and the credentials, as long as they have something to answer */
        void (*drained)(void *userdata);
        void *drained_userdata;
};

/* ---- what the keeper tells ---- */

/* Connections by the right of a group that is gone, or has another number, end. (Where an administrator
 * moves the fence, those that are in stay in.) */
static void end_unix_if_group_moved(struct frontend *frontend)
{
        if (frontend->listeners.group_moved) {
                frontend->listeners.group_moved = false;
                http_server_end_unix(frontend->server);
        }
}

static void take_settings(struct frontend *frontend, struct access_settings *settings)
{
        const struct http_limits limits = admission_limits(settings);

        http_server_forget_environments(frontend->server);
        credential_source_look_again(frontend->credentials);
        api_forget_answers(&frontend->api);
        known_take_settings(&frontend->known, settings);
        http_server_set_limits(frontend->server, &limits);
        end_unix_if_group_moved(frontend);
}

static void take_environment(struct frontend *frontend, const struct environment_view *view,
                             struct session *session)
{
        int at = known_take_environment(&frontend->known, view, session);

        if (at >= 0) {
                token_answers_keep(&frontend->api.answers[at], session);
        }
}

static void take_keys(struct frontend *frontend, const struct keys_view *keys)
{
        known_take_keys(&frontend->known, keys);
}

static void take_outcome(struct frontend *frontend, const struct keeper_outcome *outcome)
{
        questions_answer(&frontend->known.questions, outcome);
}

static void take_groups(struct frontend *frontend, uid_t uid, const gid_t *groups, size_t n, bool told)
{
        known_groups_take(&frontend->known.groups, uid, groups, n, told, clock_now_usec());
}

static void take_names(struct frontend *frontend, uint64_t again_usec, uint64_t until_usec)
{
        known_take_names(&frontend->known, again_usec, until_usec);
}

/* ---- sockets ---- */

static int open_sockets(struct frontend *frontend, const struct settings *settings,
                        char reterr_message[static SETTINGS_ERROR_MAX])
{
        static_assert(LISTEN_SOCKET_ERROR_MAX <= SETTINGS_ERROR_MAX, "it has room for the message");
        return listeners_apply(&frontend->listeners, settings, frontend->event, frontend->server,
                               frontend->finder, reterr_message);
}

static void give_sockets(struct frontend *frontend, const struct settings *settings)
{
        listeners_give(&frontend->listeners, settings);
        end_unix_if_group_moved(frontend);
}

/* One of the sides that answer has done so. */
static void on_drained(void *userdata)
{
        struct frontend *frontend = userdata;

        if (--frontend->n_draining == 0) {
                frontend->drained(frontend->drained_userdata);
        }
}

static void drain(struct frontend *frontend, void (*done)(void *userdata), void *userdata)
{
        frontend->drained = done;
        frontend->drained_userdata = userdata;
        listeners_stop(&frontend->listeners);
        frontend->n_draining = 2;
        if (http_server_drain(frontend->server, on_drained, frontend) < 0) {
                done(userdata);
        }
        credential_source_drain(frontend->credentials, on_drained, frontend);
}

/* ---- life ---- */

/* A kernel without it leaves the unix sockets; a lack of something else will pass, and so is no reason to
 * refuse TCP callers for good. */
static int find_finder(struct frontend *frontend, struct passed_sockets *passed)
{
        int r = passed->diagnosis >= 0
                        ? peer_finder_new_passed(&frontend->finder, take_fd(passed->diagnosis))
                        : peer_finder_new(&frontend->finder);

        if (r < 0 && is_shortage(-r)) {
                return r;
        }
        if (r < 0) {
                journal_say(
                        &(struct journal_record){ .priority = LOG_ERR },
                        "the kernel offers no socket diagnosis (%s): callers on TCP are refused as unknown",
                        strerror(-r));
        }
        return 0;
}

static int build(struct frontend *frontend, struct passed_sockets *passed)
{
        const struct http_limits none = { 0 }; /* until the settings come */
        const struct http_handler handler = { .on_request = api_on_request, .userdata = &frontend->api };

        int r = audit_new(&frontend->audit);
        if (r < 0) {
                return r;
        }
        r = http_server_new(&frontend->server, frontend->event, &none, &handler);
        if (r < 0) {
                return r;
        }
        frontend->api.known = &frontend->known;
        frontend->api.started_usec = clock_now_usec();
        frontend->api.audit = frontend->audit;
        frontend->api.server = frontend->server;
        r = find_finder(frontend, passed);
        if (r < 0) {
                return r;
        }
        r = listeners_adopt(&frontend->listeners, passed, frontend->event, frontend->server,
                            frontend->finder);
        if (r < 0) {
                return r;
        }
        return credential_source_new(&frontend->credentials, frontend->event, &frontend->known,
                                     &passed->credential);
}

static struct frontend *free_frontend(struct frontend *frontend)
{
        if (!frontend) {
                return NULL;
        }
        frontend->credentials = credential_source_free(frontend->credentials);
        listeners_close(&frontend->listeners);
        frontend->server = http_server_free(frontend->server);
        frontend->finder = peer_finder_free(frontend->finder);
        api_forget_answers(&frontend->api);
        known_clear(&frontend->known);
        frontend->audit = audit_free(frontend->audit);
        sd_event_unref(frontend->event);
        free(frontend);
        return NULL;
}

static const struct frontend_calls calls = {
        .settings = take_settings,
        .environment = take_environment,
        .keys = take_keys,
        .outcome = take_outcome,
        .groups = take_groups,
        .names = take_names,
        .listen = open_sockets,
        .give_sockets = give_sockets,
        .drain = drain,
        .free = free_frontend,
};

static void free_frontendp(struct frontend **frontend)
{
        *frontend = free_frontend(*frontend);
}

int frontend_start(struct sides *sides, sd_event *event, struct passed_sockets *passed)
{
        _cleanup_(free_frontendp) struct frontend *frontend = calloc(1, sizeof(*frontend));
        if (!frontend) {
                return -ENOMEM;
        }
        frontend->event = sd_event_ref(event);
        known_init(&frontend->known, sides);
        int r = build(frontend, passed);
        if (r < 0) {
                return r;
        }
        sides->tell = &calls;
        sides->frontend = take_ptr(frontend);
        return 0;
}
