/* A child's records on their way to the log. */
#include "daemon/keeper/child_records.h"

#include "daemon/base/journal.h"

#include <inttypes.h>

static const char *or_none(const char *text)
{
        return *text ? text : NULL;
}

static void log_record(const struct message_record *record)
{
        const struct journal_record entry = {
                .priority = record->priority,
                .id = or_none(record->id),
                .environment = or_none(record->environment),
                .key = or_none(record->key),
                .client = or_none(record->client),
                .uid = or_none(record->uid),
                .unit = or_none(record->unit),
        };

        journal_say(&entry, "%s", record->text);
}

void child_records_take(struct child_records *records, const char *name, const struct message_record *record,
                        uint64_t now_usec)
{
        if (usec_sub(now_usec, records->minute_usec) >= USEC_PER_MIN) {
                if (records->n_dropped > 0) {
                        journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                                    "%" PRIu64
                                    " records of the %s were dropped: it had more than %d in a minute",
                                    records->n_dropped, name, CHILD_RECORDS_A_MINUTE);
                }
                *records = (struct child_records){ .minute_usec = now_usec,
                                                   .n_dropped_ever = records->n_dropped_ever };
        }
        if (records->n == CHILD_RECORDS_A_MINUTE) {
                records->n_dropped++;
                records->n_dropped_ever++;
                return;
        }
        records->n++;
        log_record(record);
}
