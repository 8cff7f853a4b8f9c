/* moment: the two clocks of the simulator, and times as text. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* "2026-11-23T05:02:11.123Z" and "Mon, 23 Nov 2026 05:02:11 GMT" with their NULs, and room for odd years. */
#define MOMENT_TEXT_SIZE 48

/* CLOCK_BOOTTIME in microseconds: the clock of token lifetimes, since it counts through a suspend.
 */
uint64_t moment_boottime_usec(void);

/* Lets so many seconds pass at once on that clock, as a suspend does. Returns how much was let pass in all,
 * in microseconds. */
uint64_t moment_forward(uint64_t sec);

/* The wall clock in microseconds since 1970, for reports only. */
uint64_t moment_wall_usec(void);

/* Writes a wall clock time as RFC 3339 with milliseconds, or as an HTTP date (RFC 9110, section 5.6.7). */
void moment_format(uint64_t wall_usec, char ret_text[static MOMENT_TEXT_SIZE]);
void moment_format_http(uint64_t wall_usec, char ret_text[static MOMENT_TEXT_SIZE]);
