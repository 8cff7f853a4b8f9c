/* Trouble: the last failure of a broker, in words for people and as a slug for programs. */
#pragma once

#include "lib/util.h"

#define TROUBLE_MESSAGE_MAX 1024
#define TROUBLE_SLUG_MAX    48

struct trouble {
        char slug[TROUBLE_SLUG_MAX];
        char message[TROUBLE_MESSAGE_MAX];
        unsigned retry_after_sec;
};

/* Forgets what was. */
void trouble_clear(struct trouble *trouble);

/* Keeps slug and message, scrubbed and cut to size; returns error as it is, so that a caller can `return`
 * it. */
int trouble_set(struct trouble *trouble, int error, const char *slug, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* -ENOMEM, with its words. */
int trouble_oom(struct trouble *trouble);

/* -EINTR, with its words: the caller wants no answer any longer. */
int trouble_stopped(struct trouble *trouble);

/* Makes UTF-8 text fit to be shown in one line of a terminal, in place: C0 and C1 control characters and
 * DEL become spaces. Text that a peer wrote could otherwise move the cursor or retitle a window. */
void text_scrub(char *text);
