/* Changes of an environment, of the keys, of the settings, and their consequences.
 *
 * New settings are prepared beside those that are there, as far as that may fail; then they are put into
 * force, and only then the old ones are let go. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/environment_share.h"
#include "daemon/keeper/frontend_tell.h"
#include "daemon/keeper/keeper_objects.h"
#include "daemon/keeper/settings_remarks.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- what changes ---- */

void changes_tell_service(struct keeper *keeper)
{
        struct child_process_view forwarder;

        forwarding_look(keeper->forwarding, &forwarder);
        const struct service_state state = {
                .environments = &keeper->environments,
                .keys = keeper->keys,
                .ready_when_listening = keeper->settings->ready_when_listening,
                .frontend_held_back = keeper->frontend_held_back,
                .forwarder_held_back = forwarder.held_back,
        };

        service_look(&keeper->service, &state, clock_now_usec());
        survival_look(keeper->survival);
        answers_tell_log(keeper);
}

/* Something is different about the environments. */
static void look_around(struct keeper *keeper)
{
        if (!keeper->stopping) {
                forwarding_look_at(keeper->forwarding, keeper->settings, &keeper->environments,
                                   clock_now_usec());
        }
        changes_tell_service(keeper);
}

static void on_environment_change(struct environment *environment, void *userdata)
{
        struct keeper *keeper = userdata;

        frontend_tell_environment(keeper->frontend, &environment->view,
                                  environment_session(environment, clock_now_usec()));
        if (!keeper->keys_changing) {
                look_around(keeper);
        }
}

static void on_exchange_sent(void *userdata)
{
        struct keeper *keeper = userdata;
        survival_look(keeper->survival);
}

/* ---- keys and environments ---- */

static void show_keys(struct keeper *keeper)
{
        struct keys_view *view = NULL;
        int r = key_files_view(keeper->tools.keys, &view);

        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the keys are shown as before: %s", strerror(-r));
                return;
        }
        free(keeper->keys);
        keeper->keys = view;
        frontend_tell_keys(keeper->frontend, view);
}

void changes_on_keys(void *userdata)
{
        struct keeper *keeper = userdata;

        show_keys(keeper);
        answers_tell_opaque(keeper); /* first, so that it is there when the status has the key */
        keeper->keys_changing = true;
        for (size_t i = 0; i < keeper->environments.n; i++) {
                environment_keys_changed(keeper->environments.list[i]);
        }
        keeper->keys_changing = false;
        look_around(keeper);
}

/* ---- applying settings ---- */

/* The needs of new settings, as far as they may fail. */
struct prepared {
        struct access_settings *access;
        struct environments environments;
};

static void free_prepared(struct prepared *prepared)
{
        prepared->access = access_settings_free(prepared->access);
}

static int prepare(struct keeper *keeper, struct settings *settings, struct prepared *ret)
{
        const struct environment_watcher watcher = { on_environment_change, on_exchange_sent, keeper };

        /* At the start nobody is served yet. */
        int r = rule_names_ask(keeper->names, settings, clock_now_usec(),
                               keeper->settings ? RULE_NAMES_PAUSE_USEC : RULE_NAMES_WAIT_USEC);
        if (r < 0) {
                return r;
        }
        r = access_settings_new(&ret->access, settings, geteuid());
        if (r < 0) {
                return r;
        }
        return environments_gather(&ret->environments, settings, &keeper->environments, &keeper->tools,
                                   &watcher);
}

/* From here on nothing can fail. */
static void put_into_force(struct keeper *keeper, struct settings *settings, struct prepared *prepared)
{
        struct environments before = keeper->environments;
        struct settings *old = keeper->settings;

        group_lookup_renew(keeper->groups);
        answers_put_rules(keeper, take_ptr(prepared->access));
        keeper->environments = prepared->environments;
        for (size_t i = 0; i < before.n; i++) {
                environment_share_halt(before.list[i]);
        }
        share_configure(&keeper->share, settings);
        survival_note_gone(keeper->survival, &before, clock_now_usec());
        for (size_t i = 0; i < keeper->environments.n; i++) {
                environment_configure(keeper->environments.list[i], &settings->environments[i]);
        }
        keeper->settings = settings;
        rule_names_adopt(keeper->names, settings);
        (void)settings_free(old);
        settings_remarks_log(settings);
        forwarding_configure(keeper->forwarding, settings);
        if (key_files_configure(keeper->tools.keys, settings->keys_directory,
                                settings->default_keys_directory, settings->key_permissions_relaxed) < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "out of memory: the keys stay as they were");
        } else {
                key_files_load(keeper->tools.keys);
        }
        /* Now that no file gives their keys any more. */
        environments_free_others(&before, &keeper->environments);
        survival_restore(keeper->survival, clock_now_usec());
        changes_on_keys(keeper);
}

/* Takes the settings over when it succeeds. */
int changes_apply(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX], void *userdata)
{
        struct keeper *keeper = userdata;
        _cleanup_(free_prepared) struct prepared prepared = { 0 };

        int r = prepare(keeper, settings, &prepared);
        if (r < 0) {
                (void)snprintf(reterr_message, SETTINGS_ERROR_MAX, "%s",
                               r == -E2BIG ? "the local keys name too many groups in 'caller =': "
                                             "let some of them share a group"
                                           : strerror(-r));
                return r;
        }
        r = listen_sockets_apply(&keeper->listening, settings, reterr_message);
        if (r < 0) {
                environments_free_others(&prepared.environments, &keeper->environments);
                return r;
        }
        put_into_force(keeper, settings, &prepared);
        return 0;
}
