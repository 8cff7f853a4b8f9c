/* An entry in the native protocol of the systemd journal (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * Of its two forms of a field this is the one for any bytes: the name and a line end, the length in eight
 * bytes, the lowest first, the value, a line end. So no value can pass for another field. */
#include "daemon/base/journal_entry.h"

#include "lib/util.h"

#include <assert.h>
#include <stdio.h>

#define MESSAGE_MAX 1152 /* with the environment's name */
#define FIELD_MAX   256

/* Nine fields: the message and eight others; each has a name, a length and two line ends. */
static_assert(MESSAGE_MAX + 8 * FIELD_MAX + 9 * (17 + 10) <= JOURNAL_ENTRY_MAX, "an entry fits");

struct entry {
        char *bytes;
        size_t length;
};

static void add(struct entry *entry, const void *bytes, size_t length)
{
        memcpy(entry->bytes + entry->length, bytes, length);
        entry->length += length;
}

static void add_field(struct entry *entry, const char *name, const char *value, size_t max)
{
        unsigned char length_le[8] = { 0 };

        if (!value) {
                return;
        }
        size_t length = MIN_OF(strlen(value), max);
        for (size_t i = 0; i < sizeof(length); i++) {
                length_le[i] = (unsigned char)(length >> (8 * i));
        }
        add(entry, name, strlen(name));
        add(entry, "\n", 1);
        add(entry, length_le, sizeof(length_le));
        add(entry, value, length);
        add(entry, "\n", 1);
}

size_t journal_entry(const struct journal_record *record, const char *message,
                     char bytes[static JOURNAL_ENTRY_MAX])
{
        struct entry entry = { .bytes = bytes };
        char text[MESSAGE_MAX + 1], priority[16];

        (void)snprintf(text, sizeof(text), "%s%s%s", record->environment ? record->environment : "",
                       record->environment ? ": " : "", message);
        (void)snprintf(priority, sizeof(priority), "%d", record->priority);
        add_field(&entry, "MESSAGE", text, MESSAGE_MAX);
        add_field(&entry, "PRIORITY", priority, FIELD_MAX);
        add_field(&entry, "SYSLOG_IDENTIFIER", "eqp-brokerd", FIELD_MAX);
        add_field(&entry, "MESSAGE_ID", record->id, FIELD_MAX);
        add_field(&entry, "EQP_ENVIRONMENT", record->environment, FIELD_MAX);
        add_field(&entry, "EQP_KEY", record->key, FIELD_MAX);
        add_field(&entry, "EQP_CLIENT", record->client, FIELD_MAX);
        add_field(&entry, "EQP_UID", record->uid, FIELD_MAX);
        add_field(&entry, "EQP_UNIT", record->unit, FIELD_MAX);
        return entry.length;
}
