/* When something ends, as people write it: "2027-06-30", which is the last day, or "2027-06-30T12:00:00Z".
 */
#pragma once

#include <stdint.h>

#define END_DATE_TEXT_MAX 32 /* with the NUL */

/* The moment of the wall clock from which it is over: after the end of a day in UTC, or the moment itself.
 * From 1970 to 9999. -EINVAL: not of that form, or there is no such date. */
int end_date_parse(const char *text, int64_t *ret_sec);

/* Writes it likewise, a day where it is one. sec: as end_date_parse() gives. Returns buffer. */
const char *end_date_format(int64_t sec, char buffer[static END_DATE_TEXT_MAX]);
