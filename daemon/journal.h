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
};

/* Finds out once where to: the journal if stderr is connected to it, else stderr, with "<N>" priority
 * prefixes unless it is a terminal. Records above max_priority are not said. */
void journal_open(int max_priority);

void journal_say(const struct journal_record *record, const char *format, ...) _printf_(2, 3);

/* How many records were dropped because stderr could not take them. */
uint64_t journal_dropped(void);
