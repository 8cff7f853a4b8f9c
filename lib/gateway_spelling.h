/* The spellings of a path that some upstream may take for one and the same.
 *
 * A *reading* of a path is what an upstream may make of it: percent-decoded, in small letters, a plus sign
 * as a space. Most paths have one; with %2F, %3F or %23 inside there are more, as what stands behind these
 * may be taken for further segments, a query or a fragment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define GATEWAY_TARGET_MAX   8000 /* bytes of a target, with its query */
#define GATEWAY_READINGS_MAX 4

struct gateway_reading {
        size_t length;
        char text[GATEWAY_TARGET_MAX];
};

/* A segment of a path, a pattern or a reading; not ended by a NUL. */
struct gateway_segment {
        const char *text;
        size_t length;
};

/* The next reading of this path, of at most GATEWAY_TARGET_MAX bytes; *place begins at 0. False: there are
 * no more, *ret is not to be used. */
bool gateway_reading_next(struct gateway_reading *ret, const char *path, size_t length, unsigned *place);

/* The next segment that is not empty, so that slashes count as one wherever they stand; *place begins at 0.
 */
bool gateway_segment_next(struct gateway_segment *ret, const char *text, size_t length, size_t *place);

/* May some upstream take this segment of a reading for this word, as it stands in a pattern
 * (percent-encoded, any case)? Beside what makes a reading, this leaves out blanks around it, and what
 * follows a dot, a semicolon or a blank: "keys.json" is "keys". Characters beyond ASCII may be taken for any
 * others. */
bool gateway_segment_reads_as(const struct gateway_segment *segment, const struct gateway_segment *word);

/* Likewise, and whatever follows the word, so that "sessions" begins as "session" does. */
bool gateway_segment_begins_as(const struct gateway_segment *segment, const struct gateway_segment *word);
