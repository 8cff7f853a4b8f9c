/* Verb table: each verb of the command line. */
#pragma once

#include "ctl/options.h"

#include <argp.h>

enum {
        KEY_ADDRESS = 0x100,
        KEY_MIN_TTL,
        KEY_WAIT,
        KEY_FORMAT,
        KEY_JSON,
        KEY_WATCH,
        KEY_DIRECTORY,
        KEY_NEW_ACCOUNT,
        KEY_UNTESTED,
        KEY_YES,
        KEY_ACCOUNT,
        KEY_ENVIRONMENT,
        KEY_ALLOW,
        KEY_CALLER,
        KEY_EXPIRES,
        KEY_REAL,
        KEY_PRINT,
        KEY_FILE,
        KEY_MODE,
        KEY_TIMEOUT,
        KEY_ONCE,
};

/* The arguments of the verb beside its options. */
enum operand {
        OPERAND_NONE,
        OPERAND_OPTIONAL, /* an environment */
        OPERAND_REQUIRED,
        OPERAND_COMMAND,       /* an environment, then a command with all that follows it */
        OPERAND_REQUEST,       /* an environment, a caller, a method and a path */
        OPERAND_LOCAL_KEY,     /* the name of a local key */
        OPERAND_MAYBE_COMMAND, /* as OPERAND_COMMAND, and the command may be left out */
};

struct verb {
        const char *name; /* one word, or two: "key set" */
        enum operand operand;
        const char *arguments;
        const char *brief;                 /* for the list of verbs */
        const char *summary;               /* for the verb's own help */
        const struct argp_option *options; /* its own; NULL: none */
        verb_run_t run;
};

extern const struct verb verbs[];
extern const size_t n_verbs;

/* The verb of this name; second_word counts only where the first alone is none, and may be NULL. Says in
 * ret_words how many words the name has. NULL: there is none. */
const struct verb *verb_find(const char *word, const char *second_word, int *ret_words);

/* Does a verb's name of two words begin with this one? */
bool verb_is_first_word(const char *word);
