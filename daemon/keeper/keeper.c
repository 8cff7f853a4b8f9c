/* The keeper: owns every object.
 *
 * Built bottom-up: loop, signals, libcurl, key files, the children, which are not started yet, look-ups,
 * survival, reload, the service manager's side. The first settings then make the environments, and the
 * frontend starts. At the end nobody is let in and the children go first; survival, which looks at the
 * environments, goes before them, and they before what they use. */
#include "daemon/keeper/keeper.h"

#include "daemon/base/event_loop.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/frontend_tell.h"
#include "daemon/keeper/keeper_objects.h"
#include "lib/util.h"

#include <errno.h>

/* ---- signals ---- */

static void on_reload_signal(void *userdata)
{
        struct keeper *keeper = userdata;
        reload_ask(&keeper->reload, /* number= */ 0);
}

static void on_child(pid_t pid, int status, void *userdata)
{
        struct keeper *keeper = userdata;
        child_process_on_child(keeper->frontend, pid, status);
        forwarding_on_child(keeper->forwarding, pid, status);
}

static void exit_loop(void *userdata)
{
        struct keeper *keeper = userdata;
        (void)sd_event_exit(keeper->tools.event, 0);
}

static bool passes_on(const struct keeper *keeper)
{
        const struct settings *settings = keeper->settings;

        for (size_t i = 0; i < settings->n_environments; i++) {
                if (settings->environments[i].gateway) {
                        return true;
                }
        }
        return false;
}

/* Accepts no more, answers what was accepted, for a while; a second signal ends at once. */
static void on_stop_signal(void *userdata)
{
        struct keeper *keeper = userdata;

        if (keeper->stopping) {
                exit_loop(keeper);
                return;
        }
        keeper->stopping = true;
        service_stopping(passes_on(keeper));
        reload_stop(&keeper->reload);
        /* From here on the frontend alone has what waits in their queues, and lets it in. */
        listen_sockets_close(&keeper->listening);
        child_process_drain(keeper->frontend);
}

/* ---- building ---- */

static bool is_known_environment(const char *name, void *userdata)
{
        const struct keeper *keeper = userdata;
        return settings_environment(keeper->settings, name);
}

static int build_tools(struct keeper *keeper)
{
        const struct signal_handlers asked = { on_stop_signal, on_reload_signal, on_child, keeper };
        struct environment_tools *tools = &keeper->tools;

        int r = sd_event_default(&tools->event);
        if (r < 0) {
                return r;
        }
        r = signals_init(&keeper->signals, tools->event, &asked);
        if (r < 0) {
                return r;
        }
        r = curl_loop_new(&tools->curl, tools->event);
        if (r < 0) {
                return r;
        }
        r = key_files_new(&tools->keys, tools->event, keeper->settings->keys_directory,
                          keeper->settings->default_keys_directory,
                          keeper->settings->key_permissions_relaxed, is_known_environment, changes_on_keys,
                          keeper);
        if (r < 0) {
                return r;
        }
        keeper->share.event = tools->event;
        keeper->share.curl = tools->curl;
        tools->share = &keeper->share;
        return key_files_view(tools->keys, &keeper->keys);
}

/* ---- the frontend ---- */

static void on_open(const struct message_listener *listener, int fd, void *userdata)
{
        struct keeper *keeper = userdata;
        frontend_tell_listener(keeper->frontend, listener, fd);
}

static void on_closed(uint32_t id, void *userdata)
{
        struct keeper *keeper = userdata;
        frontend_tell_listener_gone(keeper->frontend, id);
}

static void on_arrival(void *userdata)
{
        struct keeper *keeper = userdata;
        child_process_ask(keeper->frontend);
}

static void on_answer(void *userdata)
{
        struct keeper *keeper = userdata;
        listen_sockets_watch(&keeper->listening);
}

static void on_frontend_change(void *userdata)
{
        struct keeper *keeper = userdata;
        struct child_process_view view;

        child_process_look(keeper->frontend, &view);
        if (view.held_back != keeper->frontend_held_back) {
                keeper->frontend_held_back = view.held_back;
                credential_refusal_set(&keeper->credential_refusal,
                                       view.held_back ? keeper->passed.credential : -1);
                changes_tell_service(keeper);
        }
}

static void on_forwarder_change(void *userdata)
{
        struct keeper *keeper = userdata;

        if (keeper->settings) {
                changes_tell_service(keeper);
        }
}

static int build_frontend(struct keeper *keeper)
{
        const struct listen_sockets_user user = { on_open, on_closed, on_arrival, keeper };
        static const struct child_kind kind = {
                .name = "frontend",
                .option = "--frontend",
                .event = EVENT_FRONTEND_ENDED,
                .lost = "requests that it was answering are lost",
                .check = message_check_from_frontend,
        };
        const struct child_process_handlers handlers = {
                answers_on_start, answers_on_message, on_answer, on_frontend_change, exit_loop, keeper,
        };

        listen_sockets_init(&keeper->listening, keeper->tools.event, &user);
        credential_refusal_init(&keeper->credential_refusal, keeper->tools.event);
        int r = child_process_new(&keeper->frontend, keeper->tools.event, &kind, &keeper->confinement,
                                  &handlers);
        if (r < 0) {
                return r;
        }
        r = forwarding_new(&keeper->forwarding, keeper->tools.event, keeper->frontend, &keeper->confinement,
                           on_forwarder_change, keeper);
        return r < 0 ? r : listen_sockets_adopt(&keeper->listening, &keeper->passed);
}

static int build(struct keeper *keeper)
{
        const struct reload_work reloading = { keeper->source, &keeper->service, answers_on_reloaded,
                                               changes_apply, keeper };

        int r = build_tools(keeper);
        if (r < 0) {
                return r;
        }
        sd_event *event = keeper->tools.event;
        r = build_frontend(keeper);
        if (r < 0) {
                return r;
        }
        r = group_lookup_new(&keeper->groups, event, answers_on_groups, keeper);
        if (r < 0) {
                return r;
        }
        r = unit_lookup_new(&keeper->units, event, answers_names_unit, answers_on_unit, keeper);
        if (r < 0) {
                return r;
        }
        r = rule_names_new(&keeper->names, event, answers_on_names, keeper);
        if (r < 0) {
                return r;
        }
        r = survival_new(&keeper->survival, event, &keeper->environments, &keeper->passed);
        if (r < 0) {
                return r;
        }
        r = opaque_maker_new(&keeper->opaque, &keeper->passed);
        if (r < 0) {
                return r;
        }
        keeper->tools.ledger = survival_ledger(keeper->survival);
        keeper->tools.salt = survival_salt(keeper->survival);
        r = reload_init(&keeper->reload, event, &reloading);
        return r < 0 ? r : service_init(&keeper->service, event, keeper->frontend);
}

/* Says why there is no start; returns the exit code. */
static int give_up(int error, int code)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR }, "cannot start: %s", strerror(-error));
        return error == -EACCES || error == -EPERM ? BROKER_EXIT_PERMISSION
               : error == -ENOMEM                  ? BROKER_EXIT_INTERNAL
                                                   : code;
}

int keeper_new(struct keeper **ret, struct settings *settings, const struct settings_source *source,
               const struct confinement *confinement)
{
        _cleanup_(keeper_freep) struct keeper *keeper = calloc(1, sizeof(*keeper));
        char message[SETTINGS_ERROR_MAX]; /* logged where it arises */
        if (!keeper) {
                (void)settings_free(settings);
                return give_up(-ENOMEM, BROKER_EXIT_INTERNAL);
        }
        keeper->settings = settings;
        keeper->source = source;
        int r = passed_sockets_take(&keeper->passed);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the service manager passes nonsense: %s", strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        keeper->confinement = *confinement;
        r = build(keeper);
        if (r < 0) {
                return give_up(r, BROKER_EXIT_INTERNAL);
        }
        keeper->settings = NULL; /* changes_apply() takes them over as any others */
        r = changes_apply(settings, message, keeper);
        if (r < 0) {
                (void)settings_free(settings);
                return give_up(r, BROKER_EXIT_UNAVAILABLE);
        }
        journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STARTED },
                    "eqp-brokerd " EQP_BROKER_VERSION " started; keys are in %s", keeper->keys->directory);
        child_process_start(keeper->frontend);
        *ret = take_ptr(keeper);
        return 0;
}

int keeper_run(struct keeper *keeper)
{
        int r = event_loop_run(keeper->tools.event);

        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "the event loop failed: %s",
                            strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_STOPPED }, "stopped");
        return 0;
}

struct keeper *keeper_free(struct keeper *keeper)
{
        static const struct environments none = { .n = 0 };

        if (!keeper) {
                return NULL;
        }
        listen_sockets_close(&keeper->listening);
        keeper->forwarding = forwarding_free(keeper->forwarding);
        keeper->frontend = child_process_free(keeper->frontend);
        credential_refusal_set(&keeper->credential_refusal, -1);
        passed_sockets_close(&keeper->passed);
        keeper->survival = survival_free(keeper->survival);
        keeper->opaque = opaque_maker_free(keeper->opaque);
        environments_free_others(&keeper->environments, &none);
        reload_clear(&keeper->reload);
        service_clear(&keeper->service);
        keeper->names = rule_names_free(keeper->names);
        keeper->groups = group_lookup_free(keeper->groups);
        keeper->units = unit_lookup_free(keeper->units);
        (void)access_settings_free(keeper->access);
        free(keeper->keys);
        keeper->tools.keys = key_files_free(keeper->tools.keys);
        share_clear(&keeper->share);
        keeper->tools.curl = curl_loop_free(keeper->tools.curl);
        signals_clear(&keeper->signals);
        sd_event_unref(keeper->tools.event);
        (void)settings_free(keeper->settings);
        free(keeper);
        return NULL;
}

void keeper_freep(struct keeper **keeper)
{
        *keeper = keeper_free(*keeper);
}
