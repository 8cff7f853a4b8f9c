/* The daemon's log: to the systemd journal with structured fields, or to stderr, a line each, as text or
 * as JSON.
 *
 * There is no format for a secret here: callers have names (environment, key label, client), never the thing
 * itself. Saying something does not block: a line that stderr cannot take at once, or the journal within a
 * moment, is dropped and counted. A line gets there as a whole or not at all. */
#pragma once

#include "daemon/base/events.h"
#include "daemon/base/journal_record.h"
#include "lib/util.h"

#include <stdint.h>

enum journal_form {
        JOURNAL_AUTO, /* the journal if stderr is connected to it, else text */
        JOURNAL_TEXT, /* on stderr, with "<N>" priority prefixes unless that is a terminal */
        JOURNAL_JSON, /* on stderr, one JSON object a line */
        _JOURNAL_FORM_COUNT,
};

/* "auto", "text", "json"; -EINVAL for other words. */
int journal_form_parse(const char *word, enum journal_form *ret);

/* Finds out once where to. plain: for people who wait for the end of a command; text of JOURNAL_AUTO has no
 * prefixes. Records above max_priority are not said. */
void journal_open(int max_priority, enum journal_form form, bool plain);

/* Records from now on are passed to this function, and go nowhere else: in a process whose log another
 * one writes. record and message are the caller's. False: it is dropped, and counted as that. */
typedef bool (*journal_pass_fn)(const struct journal_record *record, const char *message, void *userdata);
void journal_pass_to(journal_pass_fn pass, void *userdata);

/* Records above it are not said. */
void journal_set_max_priority(int max_priority);
int journal_max_priority(void);

void journal_say(const struct journal_record *record, const char *format, ...) _printf_(2, 3);

/* Waits, for half a second at most, until the journal has taken in what was said. It looks up the sender's
 * unit only then, and of a process that is gone it finds none: its last words would be missing in journalctl
 * -u. For a process that ends early; of one that has lived for a while the journal knows. */
void journal_settle(void);

/* How many records were dropped because nobody could take them. */
uint64_t journal_dropped(void);
