/* The frontend's records on their way to the log: so many a minute and no more, as a broken one could fill
 * it. */
#pragma once

#include "lib/message.h"

#define FRONTEND_RECORDS_A_MINUTE 3000

/* Zeroed: none came yet. */
struct frontend_records {
        uint64_t minute_usec;               /* when the minute began */
        unsigned n;                         /* in it */
        uint64_t n_dropped, n_dropped_ever; /* in it; since the start */
};

/* Logs the record, or counts it as dropped; how many were is said once the next minute has begun. */
void frontend_records_take(struct frontend_records *records, const struct message_record *record,
                           uint64_t now_usec);
