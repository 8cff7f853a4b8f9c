/* A record of the log as an entry for the systemd journal. */
#pragma once

#include "daemon/base/journal_record.h"

#include <stddef.h>

#define JOURNAL_ENTRY_MAX 4096 /* bytes */

/* Writes the record in the journal's own protocol: MESSAGE (with "environment: " before it), PRIORITY,
 * SYSLOG_IDENTIFIER, and those fields that the record has. A message that is too long is cut. Returns
 * the length. */
size_t journal_entry(const struct journal_record *record, const char *message,
                     char bytes[static JOURNAL_ENTRY_MAX]);
