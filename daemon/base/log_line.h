/* A record of the log as a line for standard error. */
#pragma once

#include "daemon/base/journal_record.h"

#include <stdbool.h>
#include <stddef.h>

/* With its line end. Not more than PIPE_BUF, so that a pipe takes it as a whole or not at all. */
#define LOG_LINE_MAX 4096

/* "environment: message", with prefix "<6>environment: message". A byte that would end the line or command a
 * terminal (control characters) becomes '?', and a byte that is no UTF-8 \xNN; a message that is too long is
 * cut. Returns the length; no NUL is added. */
size_t log_line_text(const struct journal_record *record, const char *message, bool prefix,
                     char line[static LOG_LINE_MAX]);

/* One JSON object: time (as given), level (a word), message, and of message_id, environment, key, client,
 * uid, unit those that the record has. Always valid JSON; bytes and lengths as above. Returns the length; no
 * NUL is added. */
size_t log_line_json(const struct journal_record *record, const char *message, const char *time,
                     char line[static LOG_LINE_MAX]);
