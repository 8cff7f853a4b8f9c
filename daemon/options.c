/* The parsed command line. */
#include "daemon/options.h"

#include "daemon/base/exit_code.h"
#include "daemon/once.h"
#include "lib/duration.h"
#include "lib/util.h"

#include <argp.h>
#include <errno.h>

enum {
        KEY_ONCE = 0x100, /* no short form */
        KEY_CONNECT,
        KEY_TRY_KEY,
        KEY_FORMAT,
        KEY_DEADLINE,
        KEY_LOG_FORMAT,
        KEY_EXPLAIN,
        KEY_ACCOUNT,
        KEY_FRONTEND,
        KEY_FORWARDER,
        KEY_USER,
        KEY_SYSTEM,
};

struct reading {
        struct options options;
        const char *task_name; /* the option that set it */
        bool has_format, has_deadline, has_log_form, has_scope;
};

const char *argp_program_version = "eqp-brokerd " EQP_BROKER_VERSION;

static void set_task(struct argp_state *state, enum task task, const char *name, const char *environment)
{
        struct reading *reading = state->input;

        if (reading->task_name) {
                argp_error(state, "%s and %s exclude one another", reading->task_name, name);
        }
        reading->task_name = name;
        reading->options.task = task;
        reading->options.environment = environment;
}

static void set_scope(struct argp_state *state, enum places_scope scope)
{
        struct reading *reading = state->input;

        if (reading->has_scope && reading->options.scope != scope) {
                argp_error(state, "--user and --system exclude one another");
        }
        reading->has_scope = true;
        reading->options.scope = scope;
}

static void read_format(struct argp_state *state, const char *word)
{
        struct reading *reading = state->input;

        reading->has_format = true;
        if (token_format_parse(word, &reading->options.format) < 0) {
                argp_error(state, "--format is raw, json, header or env, not '%s'", word);
        }
}

static void read_deadline(struct argp_state *state, const char *text)
{
        struct reading *reading = state->input;
        uint64_t usec = 0;

        reading->has_deadline = true;
        if (duration_parse(text, &usec) < 0 || usec < ONCE_DEADLINE_MIN_USEC ||
            usec > ONCE_DEADLINE_MAX_USEC) {
                argp_error(state, "--deadline is a duration from 1s to 1d, as 30s or 5min, not '%s'", text);
        }
        reading->options.deadline_usec = usec;
}

static void read_log_form(struct argp_state *state, const char *source, const char *word)
{
        struct reading *reading = state->input;

        reading->has_log_form = true;
        if (journal_form_parse(word, &reading->options.log_form) < 0) {
                argp_error(state, "%s is auto, text or json, not '%s'", source, word);
        }
}

/* Who, method and path of --explain; argp hands out options first. */
static void take_argument(struct argp_state *state, const char *argument)
{
        struct reading *reading = state->input;

        if (reading->options.task != TASK_EXPLAIN ||
            state->arg_num >= ARRAY_SIZE(reading->options.request)) {
                argp_error(state, "unexpected argument '%s'", argument);
                return;
        }
        reading->options.request[state->arg_num] = argument;
}

static void check_whole(struct argp_state *state)
{
        struct reading *reading = state->input;
        const char *log_form = getenv("EQP_BROKER_LOG_FORMAT");

        if (!reading->has_log_form && log_form && *log_form) {
                read_log_form(state, "EQP_BROKER_LOG_FORMAT", log_form);
        }

        if ((reading->has_format || reading->has_deadline) && reading->options.task != TASK_ONCE) {
                argp_error(state, "--%s goes with --once only", reading->has_format ? "format" : "deadline");
        }
        if (reading->options.connect && reading->options.task != TASK_CHECK) {
                argp_error(state, "--connect goes with --check only");
        }
        if (reading->options.account && reading->options.task != TASK_EXPLAIN) {
                argp_error(state, "--account goes with --explain only");
        }
        if (reading->options.task == TASK_EXPLAIN && state->arg_num < ARRAY_SIZE(reading->options.request)) {
                argp_error(state, "--explain wants a caller, a method and a path, such as user:ci GET "
                                  "/rest/v1/reports");
        }
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
        struct reading *reading = state->input;

        switch (key) {
        case 'c':
                reading->options.config = argument;
                return 0;
        case 'k':
                set_task(state, TASK_CHECK, "--check", NULL);
                return 0;
        case KEY_CONNECT:
                reading->options.connect = true;
                return 0;
        case 'v':
                reading->options.verbose = true;
                return 0;
        case KEY_ONCE:
                set_task(state, TASK_ONCE, "--once", argument);
                return 0;
        case KEY_TRY_KEY:
                set_task(state, TASK_TRY_KEY, "--try-key", argument);
                return 0;
        case KEY_EXPLAIN:
                set_task(state, TASK_EXPLAIN, "--explain", argument);
                return 0;
        case KEY_ACCOUNT:
                reading->options.account = argument;
                return 0;
        case KEY_FRONTEND:
                set_task(state, TASK_FRONTEND, "--frontend", NULL);
                return 0;
        case KEY_FORWARDER:
                set_task(state, TASK_FORWARDER, "--forwarder", NULL);
                return 0;
        case KEY_USER:
                set_scope(state, PLACES_USER);
                return 0;
        case KEY_SYSTEM:
                set_scope(state, PLACES_SYSTEM);
                return 0;
        case KEY_FORMAT:
                read_format(state, argument);
                return 0;
        case KEY_DEADLINE:
                read_deadline(state, argument);
                return 0;
        case KEY_LOG_FORMAT:
                read_log_form(state, "--log-format", argument);
                return 0;
        case ARGP_KEY_ARG:
                take_argument(state, argument);
                return 0;
        case ARGP_KEY_END:
                check_whole(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

void options_read(int argc, char **argv, struct options *ret)
{
        /* clang-format off */
        static const struct argp_option rows[] = {
                { .name = "config", .key = 'c', .arg = "FILE",
                  .doc = "Read FILE and FILE.d/*.conf instead of the usual eqp-brokerd.conf" },
                { .name = "check", .key = 'k',
                  .doc = "Check the configuration, print the effective settings, and exit" },
                { .name = "connect", .key = KEY_CONNECT,
                  .doc = "With --check: ask each store of [share] as well" },
                { .name = "once", .key = KEY_ONCE, .arg = "ENVIRONMENT",
                  .doc = "Obtain a token, print it, and exit" },
                { .name = "format", .key = KEY_FORMAT, .arg = "FORMAT",
                  .doc = "With --once: raw (usual), json, header or env" },
                { .name = "deadline", .key = KEY_DEADLINE, .arg = "DURATION",
                  .doc = "With --once: give up after so long, usually 30s" },
                { .name = "try-key", .key = KEY_TRY_KEY, .arg = "ENVIRONMENT",
                  .doc = "Try the access key on standard input, report by the exit code whether it is good, and "
                         "exit" },
                { .name = "explain", .key = KEY_EXPLAIN, .arg = "ENVIRONMENT",
                  .doc = "Say whether the gateway would pass the request WHO METHOD PATH on, and by which line, "
                         "and exit" },
                { .name = "account", .key = KEY_ACCOUNT, .arg = "ACCOUNT",
                  .doc = "With --explain: the account's mage_id, if the configuration does not say it" },
                { .name = "log-format", .key = KEY_LOG_FORMAT, .arg = "FORMAT",
                  .doc = "auto (usual): to the journal, or text; text or json: on standard error" },
                { .name = "user", .key = KEY_USER,
                  .doc = "Be this user's own broker, with files and socket in the user's places; usual in an "
                         "ordinary user's session" },
                { .name = "system", .key = KEY_SYSTEM,
                  .doc = "Be the system's broker, with its files in /etc/eqp-broker; usual elsewhere" },
                { .name = "verbose", .key = 'v', .doc = "Log debug messages too" },
                { .name = "frontend", .key = KEY_FRONTEND, .flags = OPTION_HIDDEN },
                { .name = "forwarder", .key = KEY_FORWARDER, .flags = OPTION_HIDDEN },
                { 0 },
        };
        /* clang-format on */
        static const struct argp argp = {
                .options = rows,
                .parser = parse_option,
                .doc = "Keeps a valid session token of the API of Adobe Commerce's Extension Quality "
                       "Program (EQP) per environment and serves "
                       "it to local programs.\v"
                       "Everything has a default. A key file in /etc/eqp-broker/keys, or in the user's "
                       "~/.config/eqp-broker/keys, named after its environment, is enough. See "
                       "eqp-brokerd(8).",
        };
        struct reading reading = { .options = { .deadline_usec = ONCE_DEADLINE_USEC } };

        argp_err_exit_status = BROKER_EXIT_CONFIGURATION;
        (void)argp_parse(&argp, argc, argv, 0, NULL, &reading);
        *ret = reading.options;
}
