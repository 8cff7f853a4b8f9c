/* The fields of one line of the log, beside its words. */
#pragma once

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
