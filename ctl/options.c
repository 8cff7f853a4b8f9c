/* Options: one row per verb, one argp for the part before the verb and one for each verb's own. A new verb
 * is a new row. Options for everybody may stand before or after the verb. */
#include "ctl/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>

#include "ctl/complain.h"
#include "ctl/verbs.h"
#include "lib/nearest_name.h"

const char *argp_program_version = "eqpctl " EQP_BROKER_VERSION;

enum {
        KEY_ADDRESS = 0x100,
        KEY_MIN_TTL,
        KEY_WAIT,
        KEY_FORMAT,
        KEY_JSON,
        KEY_WATCH,
};

enum operand {
        OPERAND_NONE,
        OPERAND_OPTIONAL,
        OPERAND_REQUIRED,
};

struct verb {
        const char *name;
        enum operand environment;
        const char *arguments;
        const char *brief;                 /* for the list of verbs */
        const char *summary;               /* for the verb's own help */
        const struct argp_option *options; /* its own; NULL: none */
        verb_run_t run;
};

/* clang-format off */
static const struct argp_option common_options[] = {
        { .name = "address", .key = KEY_ADDRESS, .arg = "ADDRESS", .group = -2,
          .doc = "Ask the daemon at ADDRESS, unix:/path or http://127.0.0.1:PORT, not in the usual places" },
        { 0 },
};

static const struct argp_option token_options[] = {
        { .name = "min-ttl", .key = KEY_MIN_TTL, .arg = "SECONDS",
          .doc = "The token must live for at least so long yet" },
        { .name = "wait", .key = KEY_WAIT, .arg = "SECONDS",
          .doc = "Wait so long for a token that is not there yet: 0 to 30, usually 2" },
        { .name = "format", .key = KEY_FORMAT, .arg = "FORMAT",
          .doc = "raw: the bare token (usual); json: with its context; header: a line for curl -H @-" },
        { 0 },
};

static const struct argp_option status_options[] = {
        { .name = "json", .key = KEY_JSON, .doc = "Print the daemon's own account, as JSON" },
        { .name = "watch", .key = KEY_WATCH, .doc = "Show it anew every second, until interrupted" },
        { 0 },
};

static const struct verb verbs[] = {
        { .name = "token",
          .environment = OPERAND_REQUIRED,
          .arguments = "ENVIRONMENT",
          .brief = "print a session token",
          .summary = "Print the session token of an environment.",
          .options = token_options,
          .run = verb_token },
        { .name = "status",
          .environment = OPERAND_OPTIONAL,
          .arguments = "[ENVIRONMENT]",
          .brief = "show tokens, keys, refreshes and trouble",
          .summary = "Show how the environments fare: tokens, keys, refreshes, trouble; of one, show more.",
          .options = status_options,
          .run = verb_status },
        { .name = "refresh",
          .environment = OPERAND_REQUIRED,
          .arguments = "ENVIRONMENT",
          .brief = "have a new token obtained now",
          .summary = "Have a new token obtained now, trying keys again that were refused. For operators.",
          .run = verb_refresh },
        { .name = "ready",
          .environment = OPERAND_NONE,
          .brief = "succeed if every environment has a token",
          .summary = "Succeed if every configured environment has a usable token.",
          .run = verb_ready },
        { .name = "live",
          .environment = OPERAND_NONE,
          .brief = "succeed if the daemon answers",
          .summary = "Succeed if the daemon runs and answers.",
          .run = verb_live },
};
/* clang-format on */

/* Ends the program. */
static void unknown_verb(struct argp_state *state, const char *word)
{
        const char *names[ARRAY_SIZE(verbs)];
        char guess[NEAREST_NAMES_TEXT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                names[i] = verbs[i].name;

        argp_error(state, "there is no verb '%s'; %s", word,
                   nearest_names(word, names, ARRAY_SIZE(verbs), guess, sizeof(guess)));
}

static const struct verb *find_verb(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (streq(verbs[i].name, name))
                        return &verbs[i];

        return NULL;
}

/* Reads a number of seconds, or ends the program. */
static unsigned parse_seconds(struct argp_state *state, const char *option, const char *text, unsigned max)
{
        unsigned long value;
        char *end;

        errno = 0;
        value = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max)
                argp_error(state, "--%s takes whole seconds from 0 to %u, not '%s'", option, max, text);

        return (unsigned)value;
}

static enum token_format parse_format(struct argp_state *state, const char *text)
{
        static const char *const names[] = {
                [TOKEN_FORMAT_RAW] = "raw",
                [TOKEN_FORMAT_JSON] = "json",
                [TOKEN_FORMAT_HEADER] = "header",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (streq(names[i], text))
                        return (enum token_format)i;

        argp_error(state, "--format is raw, json or header, not '%s'", text);
        return TOKEN_FORMAT_RAW;
}

/* What a parse is about: first the part before the verb, then that from the verb on. */
struct parse {
        struct options *options;
        const struct verb *verb;
        int argc; /* the verb and what follows it */
        char **argv;
};

static error_t on_common(int key, char *argument, struct argp_state *state)
{
        struct options *options = state->input;

        if (key != KEY_ADDRESS)
                return ARGP_ERR_UNKNOWN;

        options->address = argument;
        return 0;
}

static const struct argp common_argp = { .options = common_options, .parser = on_common };
static const struct argp_child common_child[] = { { &common_argp, 0, NULL, 0 }, { 0 } };

/* the verb's own part */

static error_t on_verb_part(int key, char *argument, struct argp_state *state)
{
        struct parse *parse = state->input;
        struct options *options = parse->options;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = options;
                return 0;
        case KEY_MIN_TTL:
                options->min_ttl_sec = parse_seconds(state, "min-ttl", argument, EQP_BROKER_MIN_TTL_MAX_SEC);
                return 0;
        case KEY_WAIT:
                options->wait_sec = (int)parse_seconds(state, "wait", argument, EQP_BROKER_WAIT_MAX_SEC);
                return 0;
        case KEY_FORMAT:
                options->format = parse_format(state, argument);
                return 0;
        case KEY_JSON:
                options->json = true;
                return 0;
        case KEY_WATCH:
                options->watch = true;
                return 0;
        case ARGP_KEY_ARG:
                if (parse->verb->environment == OPERAND_NONE || options->environment != NULL)
                        argp_error(state, "'%s' is one argument too many", argument);
                options->environment = argument;
                return 0;
        case ARGP_KEY_END:
                if (parse->verb->environment == OPERAND_REQUIRED && options->environment == NULL)
                        argp_error(state, "the name of an environment is missing, such as sandbox");
                if (options->json && options->watch)
                        argp_error(state, "--json and --watch do not go together");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static error_t parse_verb_part(struct parse *parse)
{
        const struct argp argp = {
                .options = parse->verb->options,
                .parser = on_verb_part,
                .args_doc = parse->verb->arguments,
                .doc = parse->verb->summary,
                .children = common_child,
        };
        char name[64];
        error_t error;

        /* In messages the program is called "eqpctl token". */
        (void)snprintf(name, sizeof(name), "eqpctl %s", parse->verb->name);
        parse->argv[0] = name;
        error = argp_parse(&argp, parse->argc, parse->argv, 0, NULL, parse);
        parse->argv[0] = NULL;
        return error;
}

/* the part before the verb */

static error_t on_first_part(int key, char *argument, struct argp_state *state)
{
        struct parse *parse = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = parse->options;
                return 0;
        case ARGP_KEY_ARG:
                parse->verb = find_verb(argument);
                if (parse->verb == NULL)
                        unknown_verb(state, argument);
                parse->argc = state->argc - state->next + 1;
                parse->argv = state->argv + state->next - 1;
                state->next = state->argc; /* what follows is the verb's */
                return 0;
        case ARGP_KEY_NO_ARGS:
                argp_error(state, "a verb is missing");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* The verbs and what they do, of the table; argp releases it. */
static char *list_verbs(void)
{
        char *text = NULL;
        size_t size = 0;
        FILE *stream;

        stream = open_memstream(&text, &size);
        if (stream == NULL)
                return NULL;

        (void)fputs("Ask the local eqp-brokerd for session tokens of the EQP API, and how it fares.\n\n",
                    stream);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                (void)fprintf(stream, "  %-8s %s\n", verbs[i].name, verbs[i].brief);
        (void)fputs("\nSee 'eqpctl VERB --help' for each verb's own options, and eqpctl(1).\n", stream);
        if (fclose(stream) != 0) {
                free(text);
                return NULL;
        }

        return text;
}

static char *on_help(int key, const char *text, void *input)
{
        (void)input;
        return key == ARGP_KEY_HELP_PRE_DOC ? list_verbs() : (char *)(uintptr_t)text;
}

void options_parse(struct options *ret_options, int argc, char **argv)
{
        static const struct argp first = {
                .parser = on_first_part,
                .args_doc = "VERB [ARGUMENT...]",
                .doc = "", /* on_help() writes it */
                .children = common_child,
                .help_filter = on_help,
        };
        struct options options = { .wait_sec = EQP_BROKER_WAIT_DEFAULT };
        struct parse parse = { .options = &options };
        error_t error;

        argp_err_exit_status = EXIT_USAGE;
        error = argp_parse(&first, argc, argv, ARGP_IN_ORDER, NULL, &parse);
        if (error == 0)
                error = parse_verb_part(&parse);
        if (error != 0) {
                complain("The command line could not be read: %s.", strerror(error));
                exit(EXIT_FAILED);
        }

        options.run = parse.verb->run;
        *ret_options = options;
}
