/* options: the command line, by argp. A bad value is named with what it should be, and exits with EX_USAGE.
 */
#include "simulator/options.h"

#include "lib/util.h"
#include "simulator/time_limits.h"

#include <argp.h>
#include <stdio.h>
#include <sysexits.h>

#define DEFAULT_MAGE_ID      "MAG123456789"
#define DEFAULT_LIFETIME_SEC 7200
/* The vendor takes from 20 s to minutes; nobody waits for that here. */
#define DEFAULT_SCAN_QUEUED_MS 1000
#define DEFAULT_SCAN_MS        2000

const char *argp_program_version = "eqp-simulator " EQP_BROKER_VERSION;

enum option_key {
        OPTION_ENVIRONMENT = 256,
        OPTION_ADMIN,
        OPTION_ANY_ADDRESS,
        OPTION_TLS_DIRECTORY,
        OPTION_SERVER_NAME,
        OPTION_KEYS,
        OPTION_LIFETIME_MAX,
        OPTION_LIFETIME_FIXED,
        OPTION_MAGE_ID,
};

/* Columns aligned by clang-format would leave no room for the texts. Where an option with its argument is
 * longer than NAME[=PLACE] here, argp may indent the wrong line. */
/* clang-format off */
static const struct argp_option table[] = {
        { "environment", OPTION_ENVIRONMENT, "NAME[=PLACE]", 0,
          "An environment, and the ADDRESS:PORT where it listens for HTTPS; port 0 lets the kernel choose. Repeatable. "
          "Default: sandbox=127.0.0.1:9443 and production=127.0.0.1:9444", 0 },
        { "any-address", OPTION_ANY_ADDRESS, NULL, 0,
          "Let environments listen on addresses that are not loopback", 0 },
        { "admin", OPTION_ADMIN, "ADDRESS:PORT", 0,
          "Where to listen for admin requests, on loopback. Default: 127.0.0.1:9440", 0 },
        { "tls-directory", OPTION_TLS_DIRECTORY, "DIRECTORY", 0,
          "Where the certificates are kept, made when missing. Default: a temporary directory", 0 },
        { "server-name", OPTION_SERVER_NAME, "NAME", 0,
          "A DNS name for the certificate, besides localhost. Repeatable", 0 },
        { "keys", OPTION_KEYS, "FILE", 0,
          "The keys at the start, as JSON: {\"sandbox\":[{\"id\":\"...\",\"secret\":\"...\"}]}. "
          "Default: the key of the vendor's documentation everywhere", 0 },
        { "lifetime-max", OPTION_LIFETIME_MAX, "SECONDS", 0,
          "The longest lifetime granted. Default: 7200", 0 },
        { "lifetime-fixed", OPTION_LIFETIME_FIXED, "SECONDS", 0,
          "Grant this lifetime whatever is asked", 0 },
        { "mage-id", OPTION_MAGE_ID, "ID", 0, "The account. Default: " DEFAULT_MAGE_ID, 0 },
        { NULL, 0, NULL, 0, NULL, 0 },
};
/* clang-format on */

struct parsing {
        struct options options;
        bool any_address;
};

static int64_t parse_seconds(struct argp_state *state, const char *name, const char *text)
{
        char *end;
        long long seconds;

        errno = 0;
        seconds = strtoll(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || seconds < 1 || seconds > LIFETIME_SEC_MAX) {
                argp_error(state, "--%s: %s is not a whole number of seconds from 1 to ten years", name,
                           text);
        }
        return seconds;
}

static void add_environment(struct argp_state *state, struct options *options, char *text)
{
        char *equals = strchr(text, '=');
        const char *address;

        if (options->n_environments == ENVIRONMENTS_MAX) {
                argp_error(state, "--environment: at most %d environments", ENVIRONMENTS_MAX);
        }
        if (equals) {
                *equals = '\0';
        }
        if (!environment_name_is_valid(text)) {
                argp_error(state,
                           "--environment: %s is no name: a lower-case letter, then letters, digits and "
                           "dashes, "
                           "at most %d",
                           text, ENVIRONMENT_NAME_MAX);
        }
        for (size_t i = 0; i < options->n_environments; i++) {
                if (streq(options->environments[i].name, text)) {
                        argp_error(state, "--environment: %s is there twice", text);
                }
        }

        if (equals) {
                address = equals + 1;
        } else if (streq(text, "sandbox")) {
                address = "127.0.0.1:9443";
        } else if (streq(text, "production")) {
                address = "127.0.0.1:9444";
        } else {
                address = "127.0.0.1:0";
        }
        if (address_parse(address, &options->environments[options->n_environments].address) < 0) {
                argp_error(state, "--environment: %s is no ADDRESS:PORT (such as 127.0.0.1:9443 or [::1]:0)",
                           address);
        }
        options->environments[options->n_environments++].name = text;
}

static void add_server_name(struct argp_state *state, struct options *options, const char *name)
{
        if (options->n_server_names == SERVER_NAMES_MAX) {
                argp_error(state, "--server-name: at most %d names", SERVER_NAMES_MAX);
        }
        if (!name[0] || strlen(name) > 253 ||
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*") !=
                    strlen(name)) {
                argp_error(state, "--server-name: %s is no DNS name", name);
        }
        options->server_names[options->n_server_names++] = name;
}

static void set_mage_id(struct argp_state *state, struct options *options, const char *id)
{
        /* It becomes part of a path, and the broker takes 64 characters at most. */
        if (!id[0] || strlen(id) > 64 || strpbrk(id, "/?#%\"\\ ")) {
                argp_error(state, "--mage-id: 1 to 64 characters that may stand in a path");
        }
        options->mage_id = id;
}

static void finish(struct argp_state *state, struct parsing *parsing)
{
        static char defaults[][16] = { "sandbox", "production" };
        struct options *options = &parsing->options;

        if (options->n_environments == 0) {
                for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
                        add_environment(state, options, defaults[i]);
                }
        }

        for (size_t i = 0; i < options->n_environments && !parsing->any_address; i++) {
                if (!address_is_loopback(&options->environments[i].address)) {
                        argp_error(state,
                                   "--environment: %s does not listen on loopback; this needs --any-address",
                                   options->environments[i].name);
                }
        }
        if (!address_is_loopback(&options->admin)) {
                argp_error(state, "--admin: only loopback addresses");
        }
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
        struct parsing *parsing = state->input;
        struct options *options = &parsing->options;

        switch (key) {
        case OPTION_ENVIRONMENT:
                add_environment(state, options, argument);
                return 0;
        case OPTION_ADMIN:
                if (address_parse(argument, &options->admin) < 0) {
                        argp_error(state, "--admin: %s is no ADDRESS:PORT (such as 127.0.0.1:9440)",
                                   argument);
                }
                return 0;
        case OPTION_ANY_ADDRESS:
                parsing->any_address = true;
                return 0;
        case OPTION_TLS_DIRECTORY:
                options->tls_directory = argument;
                return 0;
        case OPTION_SERVER_NAME:
                add_server_name(state, options, argument);
                return 0;
        case OPTION_KEYS:
                options->keys_file = argument;
                return 0;
        case OPTION_LIFETIME_MAX:
                options->settings.lifetime_max_sec = parse_seconds(state, "lifetime-max", argument);
                return 0;
        case OPTION_LIFETIME_FIXED:
                options->settings.lifetime_fixed_sec = parse_seconds(state, "lifetime-fixed", argument);
                return 0;
        case OPTION_MAGE_ID:
                set_mage_id(state, options, argument);
                return 0;
        case ARGP_KEY_ARG:
                argp_error(state, "unexpected argument: %s", argument);
                return EINVAL;
        case ARGP_KEY_END:
                finish(state, parsing);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

void options_parse(struct options *ret, int argc, char **argv)
{
        static const struct argp argp = {
                .options = table,
                .parser = parse_option,
                .doc = "A local stand-in for the API of Adobe Commerce's Extension Quality Program (EQP), "
                       "for trials and tests.\v"
                       "When it is ready it prints one line of JSON that says where it listens and which CA "
                       "file to "
                       "trust. GET / on the admin listener lists what can be told to it.\n\n"
                       "How the real API words and codes its errors is not documented by the vendor: the "
                       "simulator's "
                       "error answers are guesses. Keys and tokens of the simulator open nothing real.",
        };
        struct parsing parsing = {
                .options = { .mage_id = DEFAULT_MAGE_ID,
                             .settings = { .lifetime_max_sec = DEFAULT_LIFETIME_SEC,
                                           .scan_queued_ms = DEFAULT_SCAN_QUEUED_MS,
                                           .scan_ms = DEFAULT_SCAN_MS,
                                           .scan_result = SCAN_PASS } },
        };

        argp_err_exit_status = EX_USAGE;
        if (address_parse("127.0.0.1:9440", &parsing.options.admin) < 0 ||
            argp_parse(&argp, argc, argv, 0, NULL, &parsing) != 0) {
                exit(EX_USAGE);
        }
        *ret = parsing.options;
}
