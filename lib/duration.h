/* Spans of time as people write and read them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Room for any text of duration_format(), with its NUL. */
#define DURATION_TEXT_MAX 32

/* Reads "90", "90s", "15min", "2h", "1d": digits, then an optional unit (s, sec, min, m, h, d) with or
 * without one space before it; no unit means seconds. Sets *ret_usec. -EINVAL: not of that form; -ERANGE:
 * more than ten years (of 365 days). */
int duration_parse(const char *text, uint64_t *ret_usec);

/* Writes a span in at most two units, rounded down: "0s", "59s", "4min 10s", "1h 52min", "3d 4h". USEC_NEVER
 * is "never". Returns buffer. */
const char *duration_format(uint64_t usec, char buffer[static DURATION_TEXT_MAX]);
