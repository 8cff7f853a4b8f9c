/* The parsed command line. */
#pragma once

#include "daemon/base/journal.h"
#include "daemon/token_print.h"
#include "lib/places.h"

enum task {
        TASK_SERVE,
        TASK_CHECK,
        TASK_ONCE,
        TASK_TRY_KEY,
        TASK_EXPLAIN,
        TASK_FRONTEND, /* for the daemon itself */
        TASK_FORWARDER,
};

struct options {
        enum task task;
        enum places_scope scope;
        const char *config;      /* NULL: not named */
        const char *environment; /* TASK_ONCE, TASK_TRY_KEY, TASK_EXPLAIN */
        const char *request[3];  /* TASK_EXPLAIN: who, method, path */
        const char *account;     /* likewise; NULL: not named */
        enum token_format format;
        uint64_t deadline_usec;
        enum journal_form log_form; /* by the option, else by $EQP_BROKER_LOG_FORMAT */
        bool verbose;
        bool connect; /* TASK_CHECK */
};

/* Reads the command line, and $EQP_BROKER_LOG_FORMAT. A mistake ends the program, with a message and the
 * exit code of a wrong configuration. */
void options_read(int argc, char **argv, struct options *ret);
