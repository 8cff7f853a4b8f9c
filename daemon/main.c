/* eqp-brokerd: options, settings, broker, run, exit code. */
#include "daemon/broker.h"
#include "daemon/hardening.h"
#include "daemon/journal.h"
#include "daemon/settings_files.h"
#include "lib/util.h"

#include <argp.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

struct options {
        const char *config;
        bool check;
        bool verbose;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
        struct options *options = state->input;

        switch (key) {
        case 'c':
                options->config = argument;
                return 0;
        case 'k':
                options->check = true;
                return 0;
        case 'v':
                options->verbose = true;
                return 0;
        case ARGP_KEY_ARG:
                argp_error(state, "unexpected argument '%s'", argument);
                return EINVAL;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

const char *argp_program_version = "eqp-brokerd " EQP_BROKER_VERSION;

static void read_options(int argc, char **argv, struct options *ret)
{
        static const struct argp_option rows[] = {
                { "config", 'c', "FILE", 0, "Read FILE and FILE.d/*.conf instead of " SETTINGS_FILE_DEFAULT,
                  0 },
                { "check", 'k', NULL, 0, "Check the configuration, print the effective settings, and exit",
                  0 },
                { "verbose", 'v', NULL, 0, "Log debug messages too", 0 },
                { 0 },
        };
        static const struct argp argp = {
                .options = rows,
                .parser = parse_option,
                .doc = "Keeps a valid session token of the Marketplace EQP API per environment and serves "
                       "it to local "
                       "programs.\vEverything has a default. A key file in /etc/eqp-broker/keys, named "
                       "after its "
                       "environment, is enough. See eqp-brokerd(8).",
        };

        argp_err_exit_status = BROKER_EXIT_CONFIGURATION;
        (void)argp_parse(&argp, argc, argv, 0, NULL, ret);
}

static int check(const struct settings *settings)
{
        _cleanup_free_ char *text = settings_format(settings);

        return text && fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? 0 : BROKER_EXIT_INTERNAL;
}

int main(int argc, char **argv)
{
        _cleanup_(broker_freep) struct broker *broker = NULL;
        struct options options = { 0 };
        struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX];

        read_options(argc, argv, &options);
        journal_open(options.verbose ? LOG_DEBUG : LOG_INFO);
        hardening_apply();
        int r = settings_files_read(options.config, &settings, message);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_SETTINGS_BAD }, "%s",
                            message);
                return r == -EACCES || r == -EPERM ? BROKER_EXIT_PERMISSION : BROKER_EXIT_CONFIGURATION;
        }
        if (options.check) {
                r = check(settings);
                (void)settings_free(settings);
                return r;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "libcurl does not start");
                (void)settings_free(settings);
                return BROKER_EXIT_INTERNAL;
        }
        r = broker_new(&broker, settings, options.config);
        if (r == 0) {
                r = broker_run(broker);
        }
        broker = broker_free(broker);
        curl_global_cleanup();
        return r;
}
