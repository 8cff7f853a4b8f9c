/* Watch options: the values of --file, --mode, --timeout and --once, and how they go together. */
#include "ctl/watch_options.h"

#include "ctl/option_value.h"
#include "ctl/verb_table.h"

#define TIMEOUT_MAX_SEC 86400

/* A file that holds a token is for its user, and at most for its group. */
static unsigned parse_mode(struct argp_state *state, const char *text)
{
        static const char *const modes[] = { "600", "640", "660", "400", "440" };
        const char *digits = text[0] == '0' ? text + 1 : text;

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                if (streq(modes[i], digits)) {
                        return (unsigned)strtoul(digits, NULL, 8);
                }
        }

        argp_error(state, "--mode is 0600, 0640, 0660, 0400 or 0440, not '%s'", text);
        return 0;
}

error_t watch_options_take(struct options *options, int key, char *argument, struct argp_state *state)
{
        switch (key) {
        case KEY_FILE:
                if (argument[0] == '\0') {
                        argp_error(state, "--file takes the path of a file, not ''");
                }
                options->file = argument;
                return 0;
        case KEY_MODE:
                options->mode = parse_mode(state, argument);
                return 0;
        case KEY_TIMEOUT:
                options->timeout_sec = option_seconds(state, "timeout", argument, TIMEOUT_MAX_SEC);
                if (options->timeout_sec == 0) {
                        argp_error(state, "--timeout takes whole seconds from 1, not '%s'", argument);
                }
                return 0;
        case KEY_ONCE:
                options->once = true;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

void watch_options_check(const struct options *options, struct argp_state *state)
{
        if (!options->file && !options->command) {
                argp_error(state, "there is nothing to do with a token: name a --file, or a command to run");
        }
        if (!options->file && (options->mode != 0 || options->format != TOKEN_FORMAT_RAW)) {
                argp_error(state, "--mode and --format are of a --file, and there is none");
        }
        if (!options->command && options->timeout_sec != 0) {
                argp_error(state, "--timeout is of a command, and there is none");
        }
}
