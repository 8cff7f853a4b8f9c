/* A child's records on their way to the log: so many a minute and no more, as a broken one could fill it. */
#pragma once

#include "lib/message.h"

#define CHILD_RECORDS_A_MINUTE 3000

/* Zeroed: none came yet. */
struct child_records {
        uint64_t minute_usec;               /* when the minute began */
        unsigned n;                         /* in it */
        uint64_t n_dropped, n_dropped_ever; /* in it; since the start */
};

/* name: the child's, as "frontend". Logs the record, or counts it as dropped; how many were is said once the
 * next minute has begun. */
void child_records_take(struct child_records *records, const char *name, const struct message_record *record,
                        uint64_t now_usec);
