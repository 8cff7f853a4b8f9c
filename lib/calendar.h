/* Dates of the Gregorian calendar in UTC, as they are written, and the wall clock's seconds since 1970. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_SEC_PER_DAY INT64_C(86400)

struct calendar_date {
        unsigned year, month, day; /* month and day count from 1 */
        unsigned hour, minute, second;
};

/* Is there such a moment? The month is from 1 to 12. Second 60 is a leap second. */
bool calendar_date_is_real(const struct calendar_date *date);

/* Seconds since 1970 of a real one. */
int64_t calendar_to_wall_clock(const struct calendar_date *date);

/* The other way round; from the year 1 to 9999. */
void calendar_from_wall_clock(int64_t sec, struct calendar_date *ret);
