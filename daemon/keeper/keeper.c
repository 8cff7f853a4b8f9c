/* The broker: owns every object.
 *
 * Built bottom-up: loop, upstream, environments, audit, HTTP server, listeners; torn down in mirror order. A
 * reload builds what is new beside what is there, and only then lets the old go. */
#include "daemon/keeper/keeper.h"

#include "daemon/base/clock.h"
#include "daemon/base/event_loop.h"
#include "daemon/base/journal.h"
#include "daemon/base/passed_sockets.h"
#include "daemon/base/signals.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/callers/access.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/callers/peer.h"
#include "daemon/frontend/credentials/credential_source.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/listeners.h"
#include "daemon/keeper/environments.h"
#include "daemon/keeper/group_lookup.h"
#include "daemon/keeper/reload.h"
#include "daemon/keeper/rule_names.h"
#include "daemon/keeper/service.h"
#include "daemon/keeper/survival.h"
#include "daemon/keeper/upstream.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>

struct broker {
        const char *config_path;
        struct settings *settings;
        sd_event *event;
        struct upstream *upstream;
        struct audit *audit;
        struct user_groups *user_groups;
        struct rule_names *rule_names;
        struct api api; /* has the environments */
        struct peer_finder *finder;
        struct http_server *server;
        struct passed_sockets passed; /* what nobody has taken over yet */
        struct listeners listeners;
        struct credential_source *credentials; /* NULL: the service manager passed no socket for it */
        struct service service;
        struct survival *survival;
        struct reload reload;
        struct signals signals;
        bool stopping;
        unsigned
                n_draining; /* the HTTP side and the credentials, as long as they have something to answer */
        bool keys_changing; /* some environments have their keys already, others not yet */
};

/* ---- what changes ---- */

static void on_environment_change(void *userdata)
{
        struct broker *broker = userdata;

        if (!broker->server || broker->keys_changing) {
                return; /* the picture is not whole yet */
        }
        for (size_t i = 0; i < broker->api.n_environments; i++) {
                token_answers_keep(&broker->api.answers[i], broker->api.environments[i]->session);
        }
        service_look(&broker->service, &broker->api, clock_now_usec());
        survival_look(broker->survival);
}

static void on_exchange_sent(void *userdata)
{
        struct broker *broker = userdata;
        survival_look(broker->survival);
}

/* ---- keys and environments ---- */

static bool is_known_environment(const char *name, void *userdata)
{
        const struct broker *broker = userdata;
        return settings_environment(broker->settings, name) != NULL;
}

static void on_keys_changed(void *userdata)
{
        struct broker *broker = userdata;

        broker->keys_changing = true;
        for (size_t i = 0; i < broker->api.n_environments; i++) {
                environment_keys_changed(broker->api.environments[i]);
        }
        broker->keys_changing = false;
        on_environment_change(broker);
}

/* ---- applying settings ---- */

static void free_answers(struct rule_answers **answers)
{
        *answers = rule_answers_free(*answers);
}

/* A name in the rules has gone, or has another number. */
static void on_names_changed(void *userdata)
{
        struct broker *broker = userdata;

        broker->api.rights_generation++;
        listeners_give(&broker->listeners, broker->settings);
}

/* All that can fail comes first; what follows cannot. Takes the settings over when it succeeds. */
static int apply(struct broker *broker, struct settings *settings,
                 char reterr_message[static SETTINGS_ERROR_MAX])
{
        const struct environment_watcher watcher = { on_environment_change, on_exchange_sent, broker };
        const struct environment_list used = { broker->api.environments, broker->api.n_environments };
        struct new_environments new;
        struct environment *gone[SETTINGS_ENVIRONMENTS_MAX];
        struct settings *old = broker->settings;
        _cleanup_(free_answers) struct rule_answers *answers = NULL;

        int r = rule_answers_new(&answers, settings, rule_names_answers(broker->rule_names),
                                 clock_now_usec());
        if (r < 0) {
                (void)snprintf(reterr_message, SETTINGS_ERROR_MAX, "%s", strerror(-r));
                return r;
        }
        r = new_environments_gather(&new, settings, &used, broker->event, broker->upstream, &watcher);
        if (r < 0) {
                (void)snprintf(reterr_message, SETTINGS_ERROR_MAX, "%s", strerror(-r));
                return r;
        }
        r = listeners_apply(&broker->listeners, settings, broker->event, broker->server, broker->finder,
                            reterr_message);
        if (r < 0) {
                new_environments_drop(&new);
                return r;
        }
        http_server_forget_environments(broker->server);
        credential_source_look_again(broker->credentials);
        for (size_t i = 0; i < used.n; i++) {
                token_answers_clear(&broker->api.answers[i]);
        }
        size_t n_gone = new_environments_left_out(&new, &used, gone);
        for (size_t i = 0; i < new.n; i++) {
                environment_configure(new.list[i], &settings->environments[i]);
        }
        memcpy(broker->api.environments, new.list, sizeof(new.list));
        broker->api.n_environments = new.n;
        broker->api.settings = broker->settings = settings;
        broker->api.rights_generation++;
        rule_names_adopt(broker->rule_names, settings, take_ptr(answers));
        const struct http_limits limits = admission_limits(settings);
        http_server_set_limits(broker->server, &limits);
        (void)settings_free(old);
        if (upstream_load_keys(broker->upstream, settings) < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "out of memory: the keys stay as they were");
        }
        for (size_t i = 0; i < n_gone; i++) {
                (void)environment_free(gone[i]); /* now that no file gives its keys any more */
        }
        survival_restore(broker->survival, clock_now_usec());
        on_keys_changed(broker);
        return 0;
}

static int apply_reloaded(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX],
                          void *userdata)
{
        return apply(userdata, settings, reterr_message);
}

/* ---- the end ---- */

static void on_reload_signal(void *userdata)
{
        struct broker *broker = userdata;
        reload_ask(&broker->reload);
}

static void exit_loop(void *userdata)
{
        struct broker *broker = userdata;
        (void)sd_event_exit(broker->event, 0);
}

/* One of the sides that answer has done so. */
static void on_drained(void *userdata)
{
        struct broker *broker = userdata;

        if (--broker->n_draining == 0) {
                exit_loop(broker);
        }
}

/* Accepts no more, answers what was accepted, for a while; a second signal ends at once. */
static void on_stop_signal(void *userdata)
{
        struct broker *broker = userdata;

        if (broker->stopping) {
                exit_loop(broker);
                return;
        }
        broker->stopping = true;
        service_stopping();
        reload_stop(&broker->reload);
        listeners_stop(&broker->listeners);
        broker->n_draining = 2;
        if (http_server_drain(broker->server, on_drained, broker) < 0) {
                exit_loop(broker);
        }
        credential_source_drain(broker->credentials, on_drained, broker);
}

/* ---- life ---- */

/* A kernel without it leaves the unix sockets; a lack of something else will pass, and so is no reason to
 * refuse TCP callers for good. */
static int find_finder(struct broker *broker)
{
        int r = broker->passed.diagnosis >= 0
                        ? peer_finder_new_passed(&broker->finder, take_fd(broker->passed.diagnosis))
                        : peer_finder_new(&broker->finder);

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

static int build(struct broker *broker)
{
        const struct http_limits none = { 0 }; /* until apply() */
        const struct http_handler handler = { .on_request = api_on_request, .userdata = &broker->api };
        const struct signal_handlers asked = { on_stop_signal, on_reload_signal, broker };
        const struct reload_work reloading = { broker->config_path, &broker->service, apply_reloaded,
                                               broker };
        int r = sd_event_default(&broker->event);

        if (r >= 0) {
                r = signals_init(&broker->signals, broker->event, &asked);
        }
        if (r >= 0) {
                r = upstream_new(&broker->upstream, broker->event, broker->settings, is_known_environment,
                                 on_keys_changed, broker);
        }
        if (r >= 0) {
                r = audit_new(&broker->audit);
        }
        if (r >= 0) {
                r = user_groups_new(&broker->user_groups, broker->event);
        }
        if (r >= 0) {
                r = rule_names_new(&broker->rule_names, broker->event, on_names_changed, broker);
        }
        if (r >= 0) {
                r = http_server_new(&broker->server, broker->event, &none, &handler);
        }
        if (r < 0) {
                return r;
        }
        broker->api.started_usec = clock_now_usec();
        broker->api.upstream = broker->upstream;
        broker->api.audit = broker->audit;
        broker->api.user_groups = broker->user_groups;
        broker->api.rule_names = broker->rule_names;
        broker->api.server = broker->server;
        broker->api.reload = &broker->reload;
        r = find_finder(broker);
        if (r >= 0) {
                r = survival_new(&broker->survival, broker->event, &broker->api, &broker->passed);
        }
        if (r >= 0) {
                r = reload_init(&broker->reload, broker->event, &reloading);
        }
        if (r >= 0) {
                r = service_init(&broker->service, broker->event);
        }
        return r;
}

/* Says why there is no start; returns the exit code. */
static int give_up(int error, int code)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR }, "cannot start: %s", strerror(-error));
        return error == -EACCES || error == -EPERM ? BROKER_EXIT_PERMISSION
               : error == -ENOMEM                  ? BROKER_EXIT_INTERNAL
                                                   : code;
}

int broker_new(struct broker **ret, struct settings *settings, const char *config_path)
{
        _cleanup_(broker_freep) struct broker *broker = calloc(1, sizeof(*broker));
        char message[SETTINGS_ERROR_MAX]; /* logged where it arises */
        if (!broker) {
                (void)settings_free(settings);
                return give_up(-ENOMEM, BROKER_EXIT_INTERNAL);
        }
        broker->settings = settings;
        broker->config_path = config_path;
        int r = passed_sockets_take(&broker->passed);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "what the service manager passes makes no sense: %s", strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        r = build(broker);
        if (r < 0) {
                return give_up(r, BROKER_EXIT_INTERNAL);
        }
        broker->settings = NULL; /* apply() takes them over as any others */
        r = listeners_adopt(&broker->listeners, &broker->passed, broker->event, broker->server,
                            broker->finder);
        if (r >= 0) {
                r = credential_source_new(&broker->credentials, broker->event, &broker->api,
                                          &broker->passed.credential);
        }
        if (r >= 0) {
                r = apply(broker, settings, message);
        }
        if (r < 0) {
                (void)settings_free(settings);
                return give_up(r, BROKER_EXIT_UNAVAILABLE);
        }
        journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STARTED },
                    "eqp-brokerd " EQP_BROKER_VERSION " started; keys are in %s",
                    upstream_keys_directory(broker->upstream));
        *ret = take_ptr(broker);
        return 0;
}

int broker_run(struct broker *broker)
{
        int r = event_loop_run(broker->event);

        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "the event loop failed: %s",
                            strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STOPPED }, "stopped");
        return 0;
}

struct broker *broker_free(struct broker *broker)
{
        if (!broker) {
                return NULL;
        }
        broker->credentials = credential_source_free(broker->credentials);
        listeners_close(&broker->listeners);
        passed_sockets_close(&broker->passed);
        broker->survival = survival_free(broker->survival);
        broker->server = http_server_free(broker->server);
        broker->finder = peer_finder_free(broker->finder);
        for (size_t i = 0; i < broker->api.n_environments; i++) {
                token_answers_clear(&broker->api.answers[i]);
                (void)environment_free(broker->api.environments[i]);
        }
        broker->user_groups = user_groups_free(broker->user_groups);
        broker->rule_names = rule_names_free(broker->rule_names);
        broker->audit = audit_free(broker->audit);
        broker->upstream = upstream_free(broker->upstream);
        signals_clear(&broker->signals);
        reload_clear(&broker->reload);
        service_clear(&broker->service);
        sd_event_unref(broker->event);
        (void)settings_free(broker->settings);
        free(broker);
        return NULL;
}

void broker_freep(struct broker **broker)
{
        *broker = broker_free(*broker);
}
