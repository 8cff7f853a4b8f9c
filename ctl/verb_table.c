/* Verb table: one row per verb, its options above it. A new verb is a new row here, and a section in
 * eqpctl(1). */
#include "ctl/verb_table.h"

#include "ctl/verbs.h"

#define OPTION_MIN_TTL                                                                                      \
        {                                                                                                   \
                .name = "min-ttl", .key = KEY_MIN_TTL, .arg = "SECONDS",                                    \
                .doc = "The token must be valid for at least this long"                                     \
        }
#define OPTION_WAIT                                                                                         \
        {                                                                                                   \
                .name = "wait", .key = KEY_WAIT, .arg = "SECONDS",                                          \
                .doc = "Wait so long for a token that is not there yet: 0 to 30, usually 2"                 \
        }

#define OPTION_FORMAT                                                                                       \
        {                                                                                                   \
                .name = "format", .key = KEY_FORMAT, .arg = "FORMAT",                                       \
                .doc = "raw: the bare token (usual); json: with its context; header: a line for curl "      \
                       "-H @-; env: variables for a shell"                                                  \
        }

/* clang-format off */
static const struct argp_option token_options[] = {
        OPTION_MIN_TTL,
        OPTION_WAIT,
        OPTION_FORMAT,
        { 0 },
};

static const struct argp_option exec_options[] = {
        OPTION_MIN_TTL,
        OPTION_WAIT,
        { 0 },
};

static const struct argp_option watch_options[] = {
        { .name = "file", .key = KEY_FILE, .arg = "FILE", .doc = "Keep the token in FILE" },
        { .name = "mode", .key = KEY_MODE, .arg = "MODE", .doc = "Of FILE: 0600 (usual), 0640, 0660, 0400 or 0440" },
        OPTION_FORMAT,
        { .name = "timeout", .key = KEY_TIMEOUT, .arg = "SECONDS",
          .doc = "End the command after so long: 1 to 86400, usually 60" },
        { .name = "once", .key = KEY_ONCE, .doc = "End after the first token" },
        { 0 },
};

static const struct argp_option status_options[] = {
        { .name = "json", .key = KEY_JSON, .doc = "Print the daemon's own account, as JSON" },
        { .name = "watch", .key = KEY_WATCH, .doc = "Show it anew every second, until interrupted" },
        { 0 },
};

#define OPTION_DIRECTORY \
        { .name = "directory", .key = KEY_DIRECTORY, .arg = "DIRECTORY", \
          .doc = "The keys are in DIRECTORY, not where the configuration says" }

static const struct argp_option key_set_options[] = {
        OPTION_DIRECTORY,
        { .name = "new-account", .key = KEY_NEW_ACCOUNT,
          .doc = "The key may be of another account than the environment had, which has this one from then on" },
        { .name = "untested", .key = KEY_UNTESTED, .doc = "Write the key without trying it at the EQP API" },
        { 0 },
};

static const struct argp_option key_list_options[] = {
        OPTION_DIRECTORY,
        { .name = "json", .key = KEY_JSON, .doc = "Print the list as JSON" },
        { 0 },
};

static const struct argp_option key_check_options[] = {
        OPTION_DIRECTORY,
        { 0 },
};

static const struct argp_option key_remove_options[] = {
        OPTION_DIRECTORY,
        { .name = "yes", .key = KEY_YES, .doc = "Do not ask, also for the last key of an environment" },
        { 0 },
};

static const struct argp_option local_add_options[] = {
        { .name = "environment", .key = KEY_ENVIRONMENT, .arg = "ENVIRONMENT",
          .doc = "The environment that the key is good for" },
        { .name = "allow", .key = KEY_ALLOW, .arg = "RULE",
          .doc = "Requests that it opens, as 'GET /rest/v1/reports/**'; may stand more than once" },
        { .name = "caller", .key = KEY_CALLER, .arg = "WHO",
          .doc = "A caller that may use it, as user:deploy; may stand more than once" },
        { .name = "expires", .key = KEY_EXPIRES, .arg = "DATE", .doc = "Its last day, as 2027-06-30" },
        { .name = "real", .key = KEY_REAL, .doc = "It gives out the real token, which opens the whole account" },
        { .name = "print", .key = KEY_PRINT,
          .doc = "Print the section for a configuration elsewhere, and change nothing here" },
        { 0 },
};

static const struct argp_option local_list_options[] = {
        { .name = "json", .key = KEY_JSON, .doc = "Print the list as JSON" },
        { 0 },
};

static const struct argp_option doctor_options[] = {
        { .name = "json", .key = KEY_JSON, .doc = "Print the report as JSON" },
        { 0 },
};

static const struct argp_option gateway_explain_options[] = {
        { .name = "account", .key = KEY_ACCOUNT, .arg = "ACCOUNT",
          .doc = "The account's mage_id, if the configuration does not say it" },
        { 0 },
};

const struct verb verbs[] = {
        { .name = "token",
          .operand = OPERAND_REQUIRED,
          .arguments = "ENVIRONMENT",
          .brief = "print a session token",
          .summary = "Print the session token of an environment.",
          .options = token_options,
          .run = verb_token },
        { .name = "exec",
          .operand = OPERAND_COMMAND,
          .arguments = "ENVIRONMENT [--] COMMAND [ARGUMENT...]",
          .brief = "run a command that finds a token in its environment",
          .summary = "Run a command with a session token in EQP_TOKEN, the account in EQP_MAGE_ID and the API's "
                     "address in EQP_BASE_URL.",
          .options = exec_options,
          .run = verb_exec },
        { .name = "watch",
          .operand = OPERAND_MAYBE_COMMAND,
          .arguments = "ENVIRONMENT [[--] COMMAND [ARGUMENT...]]",
          .brief = "keep a token in a file, or run a command at each new one",
          .summary = "At each new session token, also the first one, replace a file, or run a command as exec does, or both; "
                     "until it is asked to end.",
          .options = watch_options,
          .run = verb_watch },
        { .name = "status",
          .operand = OPERAND_OPTIONAL,
          .arguments = "[ENVIRONMENT]",
          .brief = "show tokens, keys, refreshes and trouble",
          .summary = "Show the environments: tokens, keys, refreshes, trouble; of one, show more.",
          .options = status_options,
          .run = verb_status },
        { .name = "refresh",
          .operand = OPERAND_REQUIRED,
          .arguments = "ENVIRONMENT",
          .brief = "have a new token obtained now",
          .summary = "Have a new token obtained now, trying keys again that were refused. For operators.",
          .run = verb_refresh },
        { .name = "reload",
          .operand = OPERAND_NONE,
          .brief = "have configuration and keys read again",
          .summary = "Have the daemon read its configuration and keys again, and wait until it has. For operators.",
          .run = verb_reload },
        { .name = "ready",
          .operand = OPERAND_NONE,
          .brief = "succeed if every environment has a token",
          .summary = "Succeed if every configured environment has a usable token.",
          .run = verb_ready },
        { .name = "live",
          .operand = OPERAND_NONE,
          .brief = "succeed if the daemon answers",
          .summary = "Succeed if the daemon runs and answers.",
          .run = verb_live },
        { .name = "key set",
          .operand = OPERAND_REQUIRED,
          .arguments = "ENVIRONMENT[.LABEL]",
          .brief = "try an access key and put it in its place",
          .summary = "Ask for an access key, or read ID:SECRET from standard input, try it, and write it into its file.",
          .options = key_set_options,
          .run = verb_key_set },
        { .name = "key list",
          .operand = OPERAND_OPTIONAL,
          .arguments = "[ENVIRONMENT[.LABEL]]",
          .brief = "show the key files and their state",
          .summary = "Show the key files, whether they are fit for use, and what the daemon does with them.",
          .options = key_list_options,
          .run = verb_key_list },
        { .name = "key check",
          .operand = OPERAND_OPTIONAL,
          .arguments = "[ENVIRONMENT[.LABEL]]",
          .brief = "try the keys at the EQP API",
          .summary = "Try every key at the EQP API, with one exchange each.",
          .options = key_check_options,
          .run = verb_key_check },
        { .name = "key remove",
          .operand = OPERAND_REQUIRED,
          .arguments = "ENVIRONMENT[.LABEL]",
          .brief = "remove a key file",
          .summary = "Remove a key file.",
          .options = key_remove_options,
          .run = verb_key_remove },
        { .name = "gateway explain",
          .operand = OPERAND_REQUEST,
          .arguments = "ENVIRONMENT WHO METHOD PATH",
          .brief = "say whether a request would be passed on, and by which rule",
          .summary = "Say whether the gateway would pass a request on, and print the line of the configuration that "
                     "decides. WHO is user:NAME, uid:NUMBER, group:NAME, gid:NUMBER, any or local:NAME.",
          .options = gateway_explain_options,
          .run = verb_gateway_explain },
        { .name = "local add",
          .operand = OPERAND_LOCAL_KEY,
          .arguments = "NAME",
          .brief = "make a local key for a program",
          .summary = "Make a local key, an application ID and secret for one program, and print both, once.",
          .options = local_add_options,
          .run = verb_local_add },
        { .name = "local list",
          .operand = OPERAND_NONE,
          .brief = "show the local keys, without their secrets",
          .summary = "Show the local keys of the configuration, without their secrets.",
          .options = local_list_options,
          .run = verb_local_list },
        { .name = "local rotate",
          .operand = OPERAND_LOCAL_KEY,
          .arguments = "NAME",
          .brief = "give a local key another secret",
          .summary = "Give a local key another secret, and print it, once. The old one stays valid for another day.",
          .run = verb_local_rotate },
        { .name = "local remove",
          .operand = OPERAND_LOCAL_KEY,
          .arguments = "NAME",
          .brief = "end a local key and its tokens",
          .summary = "Remove a local key: it and its tokens end at once.",
          .run = verb_local_remove },
        { .name = "doctor",
          .operand = OPERAND_NONE,
          .brief = "examine this installation; the report holds no secret",
          .summary = "Examine this installation, and report each fault with its cause and cure. The report holds no "
                     "secret, so that it can be pasted into an issue.",
          .options = doctor_options,
          .run = verb_doctor },
};
/* clang-format on */

const size_t n_verbs = ARRAY_SIZE(verbs);

const struct verb *verb_find(const char *word, const char *second_word, int *ret_words)
{
        size_t length = strlen(word);

        for (size_t i = 0; i < n_verbs; i++) {
                const char *name = verbs[i].name;

                if (streq(name, word)) {
                        *ret_words = 1;
                        return &verbs[i];
                }
                if (second_word && strncmp(name, word, length) == 0 && name[length] == ' ' &&
                    streq(name + length + 1, second_word)) {
                        *ret_words = 2;
                        return &verbs[i];
                }
        }

        return NULL;
}

bool verb_is_first_word(const char *word)
{
        size_t length = strlen(word);

        for (size_t i = 0; i < n_verbs; i++) {
                if (strncmp(verbs[i].name, word, length) == 0 && verbs[i].name[length] == ' ') {
                        return true;
                }
        }

        return false;
}
