/* Options: the parsed command line. */
#pragma once

#include "lib/token_format.h"
#include "lib/util.h"

#define OPTIONS_RULES_MAX 64 /* as many as a list may have */

struct options;

/* A verb's work: returns the exit code. */
typedef int (*verb_run_t)(const struct options *options);

struct options {
        verb_run_t run;
        const char *address;     /* NULL: where the library looks */
        const char *environment; /* for key verbs ENVIRONMENT or ENVIRONMENT.LABEL; NULL: none was named */
        char **command;          /* of exec and watch: the command, NULL at the end; NULL: none */
        unsigned min_ttl_sec;
        int wait_sec; /* EQP_BROKER_WAIT_DEFAULT: the daemon's choice */
        enum token_format format;
        bool json;
        bool watch;
        const char *directory;  /* of the keys; NULL: that of the configuration */
        bool untested;          /* write a key without trying it */
        bool new_account;       /* the account of a key that is set may be another one than before */
        bool yes;               /* do not ask */
        const char *request[3]; /* of gateway explain: who, method, path */
        const char *account;    /* likewise, a mage_id; NULL: that of the configuration */
        /* of a local key */
        const char *local_key; /* its name; `environment` is the one that it is good for */
        const char *allows[OPTIONS_RULES_MAX], *callers[OPTIONS_RULES_MAX];
        size_t n_allows, n_callers;
        const char *expires;
        bool real;
        bool print; /* its section, and change nothing */
        /* of watch */
        const char *file;     /* NULL: none */
        unsigned mode;        /* of that; 0: the usual one */
        unsigned timeout_sec; /* for its command; 0: the usual time */
        bool once;            /* for the first token only */
};
