/* Command line: one argp for the part before the verb and one for each verb's own, which ctl/verb_table.c
 * lists. Options for everybody may stand before or after the verb. */
#include "ctl/command_line.h"

#include "ctl/complain.h"
#include "ctl/option_value.h"
#include "ctl/verb_table.h"
#include "ctl/watch_options.h"
#include "lib/nearest_name.h"

#include <argp.h>
#include <stdio.h>

#define VERBS_MAX 32

const char *argp_program_version = "eqpctl " EQP_BROKER_VERSION;

/* clang-format off */
static const struct argp_option common_options[] = {
        { .name = "address", .key = KEY_ADDRESS, .arg = "ADDRESS", .group = -2,
          .doc = "Ask the daemon at ADDRESS, unix:/path or http://127.0.0.1:PORT, not in the usual places" },
        { 0 },
};
/* clang-format on */

/* Ends the program. */
static void unknown_verb(struct argp_state *state, const char *word, const char *second_word)
{
        const char *names[VERBS_MAX];
        char guess[NEAREST_NAMES_TEXT_MAX], asked[64];
        bool two = verb_is_first_word(word) && second_word;
        size_t n = 0;

        if (verb_is_first_word(word) && (!second_word || second_word[0] == '-')) {
                /* "eqpctl key --help": the list of verbs shows all. */
                if (second_word && (streq(second_word, "--help") || streq(second_word, "-?"))) {
                        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
                }
                argp_error(state, "'%s' needs a second word; see eqpctl --help", word);
        }
        (void)snprintf(asked, sizeof(asked), "%s%s%s", word, two ? " " : "", two ? second_word : "");
        for (size_t i = 0; i < n_verbs && n < VERBS_MAX; i++) {
                names[n++] = verbs[i].name;
        }

        argp_error(state, "there is no verb '%s'; %s", asked,
                   nearest_names(asked, names, n, guess, sizeof(guess)));
}

/* The state of a parse: first the part before the verb, then that from the verb on. */
struct parse {
        struct options *options;
        const struct verb *verb;
        int argc; /* the verb's last word and what follows it */
        char **argv;
};

static error_t on_common(int key, char *argument, struct argp_state *state)
{
        struct options *options = state->input;

        if (key != KEY_ADDRESS) {
                return ARGP_ERR_UNKNOWN;
        }

        options->address = argument;
        return 0;
}

static const struct argp common_argp = { .options = common_options, .parser = on_common };
static const struct argp_child common_child[] = { { &common_argp, 0, NULL, 0 }, { 0 } };

/* ---- the verb's own part ---- */

static bool takes_command(const struct verb *verb)
{
        return verb->operand == OPERAND_COMMAND || verb->operand == OPERAND_MAYBE_COMMAND;
}

static void take_argument(struct parse *parse, char *argument, struct argp_state *state)
{
        struct options *options = parse->options;

        const char **operand =
                parse->verb->operand == OPERAND_LOCAL_KEY ? &options->local_key : &options->environment;

        if (takes_command(parse->verb) && *operand) {
                /* The command and all that follows it, whatever it looks like. */
                options->command = state->argv + state->next - 1;
                state->next = state->argc;
                return;
        }
        if (parse->verb->operand == OPERAND_REQUEST && *operand) {
                for (size_t i = 0; i < ARRAY_SIZE(options->request); i++) {
                        if (!options->request[i]) {
                                options->request[i] = argument;
                                return;
                        }
                }
        }
        if (parse->verb->operand == OPERAND_NONE || *operand) {
                argp_error(state, "'%s' is one argument too many", argument);
        }
        *operand = argument;
}

static void check_whole(const struct parse *parse, struct argp_state *state)
{
        const struct options *options = parse->options;
        enum operand operand = parse->verb->operand;

        if (operand == OPERAND_LOCAL_KEY && !options->local_key) {
                argp_error(state, "the name of a local key is missing, such as reports");
        }
        if (operand != OPERAND_NONE && operand != OPERAND_OPTIONAL && operand != OPERAND_LOCAL_KEY &&
            !options->environment) {
                argp_error(state, "the name of an environment is missing, such as sandbox");
        }
        if (operand == OPERAND_COMMAND && !options->command) {
                argp_error(state, "the command to run is missing");
        }
        if (operand == OPERAND_REQUEST && !options->request[2]) {
                argp_error(state, "a caller, a method and a path are wanted, such as user:ci GET "
                                  "/rest/v1/reports");
        }
        if (options->json && options->watch) {
                argp_error(state, "--json and --watch do not go together");
        }
        if (operand == OPERAND_MAYBE_COMMAND) {
                watch_options_check(options, state);
        }
}

static void take_rule(const char *list[static OPTIONS_RULES_MAX], size_t *n, const char *option,
                      const char *argument, struct argp_state *state)
{
        if (*n == OPTIONS_RULES_MAX) {
                argp_error(state, "--%s may stand %d times at most", option, OPTIONS_RULES_MAX);
        }
        list[(*n)++] = argument;
}

static error_t on_local_option(int key, const char *argument, struct argp_state *state)
{
        struct options *options = ((struct parse *)state->input)->options;

        switch (key) {
        case KEY_ENVIRONMENT:
                options->environment = argument;
                return 0;
        case KEY_ALLOW:
                take_rule(options->allows, &options->n_allows, "allow", argument, state);
                return 0;
        case KEY_CALLER:
                take_rule(options->callers, &options->n_callers, "caller", argument, state);
                return 0;
        case KEY_EXPIRES:
                options->expires = argument;
                return 0;
        case KEY_REAL:
                options->real = true;
                return 0;
        case KEY_PRINT:
                options->print = true;
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static error_t on_verb_part(int key, char *argument, struct argp_state *state)
{
        struct parse *parse = state->input;
        struct options *options = parse->options;
        error_t r;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = options;
                return 0;
        case KEY_MIN_TTL:
                options->min_ttl_sec =
                        option_seconds(state, "min-ttl", argument, EQP_BROKER_MIN_TTL_MAX_SEC);
                return 0;
        case KEY_WAIT:
                options->wait_sec = (int)option_seconds(state, "wait", argument, EQP_BROKER_WAIT_MAX_SEC);
                return 0;
        case KEY_FORMAT:
                options->format = option_format(state, argument);
                return 0;
        case KEY_JSON:
                options->json = true;
                return 0;
        case KEY_WATCH:
                options->watch = true;
                return 0;
        case KEY_DIRECTORY:
                options->directory = argument;
                return 0;
        case KEY_UNTESTED:
                options->untested = true;
                return 0;
        case KEY_NEW_ACCOUNT:
                options->new_account = true;
                return 0;
        case KEY_YES:
                options->yes = true;
                return 0;
        case KEY_ACCOUNT:
                options->account = argument;
                return 0;
        case ARGP_KEY_ARG:
                take_argument(parse, argument, state);
                return 0;
        case ARGP_KEY_END:
                check_whole(parse, state);
                return 0;
        default:
                r = on_local_option(key, argument, state);
                return r == ARGP_ERR_UNKNOWN ? watch_options_take(options, key, argument, state) : r;
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
        error = argp_parse(&argp, parse->argc, parse->argv, takes_command(parse->verb) ? ARGP_IN_ORDER : 0,
                           NULL, parse);
        parse->argv[0] = NULL;
        return error;
}

/* ---- the part before the verb ---- */

static void take_verb(struct parse *parse, const char *word, struct argp_state *state)
{
        const char *second_word = state->next < state->argc ? state->argv[state->next] : NULL;
        int n_words = 1;

        parse->verb = verb_find(word, second_word, &n_words);
        if (!parse->verb) {
                unknown_verb(state, word, second_word);
        }
        parse->argc = state->argc - (state->next + n_words - 2);
        parse->argv = state->argv + (state->next + n_words - 2);
        state->next = state->argc; /* the rest is the verb's */
}

static error_t on_first_part(int key, char *argument, struct argp_state *state)
{
        struct parse *parse = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = parse->options;
                return 0;
        case ARGP_KEY_ARG:
                take_verb(parse, argument, state);
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
        if (!stream) {
                return NULL;
        }

        (void)fputs("Ask the local eqp-brokerd for session tokens of the API of Adobe Commerce's\n"
                    "Extension Quality Program (EQP), and show its state.\n\n",
                    stream);
        for (size_t i = 0; i < n_verbs; i++) {
                (void)fprintf(stream, "  %-16s %s\n", verbs[i].name, verbs[i].brief);
        }
        (void)fputs("\nSee 'eqpctl VERB --help' for each verb's own options, and eqpctl(1).\n", stream);
        if (fclose(stream) != 0) {
                free(text);
                return NULL;
        }

        return text;
}

static char *on_help(int key, const char *text, void *input)
{
        return key == ARGP_KEY_HELP_PRE_DOC ? list_verbs() : (char *)(uintptr_t)text;
}

void command_line_parse(struct options *ret_options, int argc, char **argv)
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
        if (error == 0) {
                error = parse_verb_part(&parse);
        }
        if (error != 0) {
                complain("The command line could not be read: %s.", strerror(error));
                exit(EXIT_FAILED);
        }

        options.run = parse.verb->run;
        *ret_options = options;
}
