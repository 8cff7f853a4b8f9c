/* eqp-brokerd: options, settings, keeper, frontend or forwarder, run, exit code. */
#include "daemon/base/confinement.h"
#include "daemon/base/journal.h"
#include "daemon/base/process.h"
#include "daemon/base/signals.h"
#include "daemon/check.h"
#include "daemon/explain.h"
#include "daemon/forwarder/forwarder.h"
#include "daemon/frontend/frontend.h"
#include "daemon/keeper/keeper.h"
#include "daemon/keeper/service.h"
#include "daemon/keeper/settings_files.h"
#include "daemon/once.h"
#include "daemon/options.h"
#include "lib/own_places.h"
#include "lib/util.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

static int serve(struct settings **settings, const struct settings_source *source)
{
        _cleanup_(keeper_freep) struct keeper *keeper = NULL;

        struct confinement confinement;
        int r = confine_keeper(&confinement);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "cannot confine itself: %s",
                            strerror(-r));
                return BROKER_EXIT_INTERNAL;
        }
        r = keeper_new(&keeper, take_ptr(*settings), source, &confinement);
        return r == 0 ? keeper_run(keeper) : r;
}

static int carry_out(const struct options *options, const struct settings_source *source,
                     struct settings **settings)
{
        switch (options->task) {
        case TASK_CHECK:
                return check_settings(*settings, options->connect);
        case TASK_ONCE:
                return once_token(*settings, options->environment, options->format, options->deadline_usec);
        case TASK_TRY_KEY:
                return once_try_key(*settings, options->environment);
        case TASK_EXPLAIN:
                return explain(*settings,
                               &(struct explain_request){ options->environment, options->request[0],
                                                          options->request[1], options->request[2],
                                                          options->account });
        default:
                return serve(settings, source);
        }
}

static int run(int argc, char **argv)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        struct options options;
        struct places places;
        const char *why;
        char message[SETTINGS_ERROR_MAX];

        if (process_standard_descriptors() < 0) {
                return BROKER_EXIT_INTERNAL;
        }
        options_read(argc, argv, &options);
        if (options.task == TASK_FRONTEND) {
                return frontend_run();
        }
        if (options.task == TASK_FORWARDER) {
                return forwarder_run();
        }
        bool runs_for_long = options.task == TASK_SERVE || options.task == TASK_ONCE;
        if (runs_for_long && signals_hold(/* reload_too= */ options.task == TASK_SERVE) < 0) {
                return BROKER_EXIT_INTERNAL;
        }
        bool once = options.task == TASK_ONCE || options.task == TASK_TRY_KEY;
        int level = once ? LOG_NOTICE : LOG_INFO;
        journal_open(options.verbose ? LOG_DEBUG : level, options.log_form,
                     /* plain= */ options.task != TASK_SERVE);
        process_harden();
        if (options.task == TASK_SERVE) {
                service_starting();
        }
        int r = own_places_find(&places, options.scope, &why);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_SETTINGS_BAD },
                            "--user: %s", why);
                return BROKER_EXIT_CONFIGURATION;
        }
        if (options.task == TASK_CHECK || options.task == TASK_EXPLAIN) {
                check_begin(places.user || options.config || settings_files_named());
        }
        const struct settings_source source = { options.config, &places };
        r = settings_files_read(&source, &settings, message);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_SETTINGS_BAD }, "%s",
                            message);
                return r == -EACCES || r == -EPERM ? BROKER_EXIT_PERMISSION : BROKER_EXIT_CONFIGURATION;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "libcurl does not start");
                return BROKER_EXIT_INTERNAL;
        }
        r = carry_out(&options, &source, &settings);
        curl_global_cleanup();
        return r;
}

int main(int argc, char **argv)
{
        int code = run(argc, argv);

        if (code != 0) {
                journal_settle();
        }
        return code;
}
