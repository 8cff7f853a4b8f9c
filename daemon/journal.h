/* What the daemon says: to the systemd journal with structured fields, or to stderr, a line each.
 *
 * There is no format for a secret here: callers have names (environment, key label, client), never the thing
 * itself. Saying something never blocks: what stderr cannot take at once is dropped and counted. */
#pragma once

#include "daemon/events.h"
#include "lib/util.h"

#include <stdint.h>
#include <syslog.h> /* LOG_ERR and its like */

struct journal_record {
        int priority;            /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */
        const char *id;          /* EVENT_…, NULL for none */
        const char *environment; /* EQP_ENVIRONMENT=, NULL for none; likewise below */
        const char *key;         /* EQP_KEY=, a label */
        const char *client;      /* EQP_CLIENT= */
        const char *uid;         /* EQP_UID= */
        const char *unit;        /* EQP_UNIT=, of the service manager */
};

enum journal_form {
        JOURNAL_AUTO,  /* the journal if stderr is connected to it, else text */
        JOURNAL_PLAIN, /* likewise, but text has no prefixes: for people who wait for the end */
};

/* Finds out once where to: the journal, or stderr, where text has "<N>" priority prefixes unless that is a
 * terminal. Records above max_priority are not said. */
void journal_open(int max_priority, enum journal_form form);

void journal_say(const struct journal_record *record, const char *format, ...) _printf_(2, 3);

/* How many records were dropped because stderr could not take them. */
uint64_t journal_dropped(void);
