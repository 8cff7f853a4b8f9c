/* The one place where the daemon reads clocks. A callback reads once and passes the value down. */
#pragma once

#include <stdint.h>

/* CLOCK_BOOTTIME in microseconds: never steps, and goes on in suspend. Tokens live by it. */
uint64_t clock_now_usec(void);

/* CLOCK_MONOTONIC in microseconds, which stands still in suspend: the service manager wants it. */
uint64_t clock_monotonic_usec(void);

/* The wall clock in seconds since 1970, for people, for HTTP dates, and for what people set the
 * end of by date: local keys and their tokens. */
int64_t clock_wall_sec(void);

/* The same in microseconds, for what is told to other hosts. */
uint64_t clock_wall_usec(void);

#define CLOCK_TEXT_MAX 32

/* The wall clock as HTTP writes it: "Mon, 23 Nov 2026 05:02:11 GMT". Returns buffer. */
const char *clock_format_http(char buffer[static CLOCK_TEXT_MAX]);

/* "2026-11-23T05:02:11Z" for the wall clock as it was, or will be, at a CLOCK_BOOTTIME moment, judged from
 * now. Returns buffer. */
const char *clock_format_utc(uint64_t moment_usec, char buffer[static CLOCK_TEXT_MAX]);

/* The wall clock now, to the millisecond: "2026-11-23T05:02:11.042Z". Returns buffer. */
const char *clock_format_wall(char buffer[static CLOCK_TEXT_MAX]);
