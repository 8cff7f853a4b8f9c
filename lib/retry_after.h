/* The Retry-After header (RFC 9110, section 10.2.3): seconds, or an HTTP date. */
#pragma once

#include <stdint.h>

/* Reads the header's value at the wall-clock time wall_now_sec (seconds since 1970, UTC). Sets how long to
 * wait from now, in seconds, 0 for a date in the past; a value beyond an hour is cut to 3600 by the caller's
 * policy, not here, but is always below UINT32_MAX, which callers use for "none". All three date forms of
 * RFC 9110, section 5.6.7, are read. -EINVAL: neither form. */
int retry_after_parse(const char *value, int64_t wall_now_sec, uint32_t *ret_sec);

/* Reads an HTTP date of any of these forms, as that of an answer's Date header, in seconds since 1970. The
 * time wall_now_sec only says which century a year of two digits is of. -EINVAL: it is none. */
int http_date_parse(const char *value, int64_t wall_now_sec, int64_t *ret_sec);
