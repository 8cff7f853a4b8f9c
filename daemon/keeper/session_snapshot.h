/* A text in memory that nobody can change any more: a sealed memfd, which outlives the process as long as
 * somebody else has its descriptor. */
#pragma once

#include <stddef.h>

/* Mapped and, where the limit allows it, locked into memory. */
struct session_snapshot {
        const char *text; /* NULL: none */
        size_t length;
};

/* Puts the text into a sealed memfd, which goes by this name in /proc, maps that, and returns its
 * descriptor, the caller's. Negative errno. */
int session_snapshot_make(struct session_snapshot *ret, const char *name, const char *text, size_t length);

/* Maps what the manager passed; fd stays the caller's. *reterr_why is a static text. -EBADMSG: it is none of
 * ours, longer than max, or could still be changed. Other negative errno. */
int session_snapshot_open(struct session_snapshot *ret, int fd, size_t max, const char **reterr_why);

/* Nothing that is mapped can be wiped here: it is sealed. */
void session_snapshot_clear(struct session_snapshot *snapshot);
