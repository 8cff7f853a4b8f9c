/* Retry-After: how long the upstream wants to be left alone.
 *
 * A date is one of three forms: the fixed one of today ("Sun, 06 Nov 1994 08:49:37 GMT"), RFC 850's with a
 * two-digit year
 * ("Sunday, 06-Nov-94 08:49:37 GMT") and that of C's asctime() ("Sun Nov  6 08:49:37 1994"). They are read
 * by hand because strptime() bends with the locale and with white space. The name of the day must be one,
 * but need not fit the date: the moment is waited for. */
#include "lib/retry_after.h"

#include "lib/calendar.h"
#include "lib/util.h"

#include <errno.h>

/* The largest answer; UINT32_MAX itself is kept free, as callers use it for "none". */
#define WAIT_MAX_SEC (UINT32_MAX - 1)
#define VALUE_MAX    64

#define SEC_PER_YEAR     INT64_C(31556952)     /* the mean Gregorian year */
#define WALL_CLOCK_LIMIT INT64_C(253402300800) /* the year 10000 */

static const char *const short_days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char *const long_days[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Each take_x() moves *p behind what it found, or leaves it and says no. */

static bool take_text(const char **p, const char *text)
{
        size_t length = strlen(text);

        if (strncmp(*p, text, length) != 0) {
                return false;
        }
        *p += length;
        return true;
}

static bool take_digits(const char **p, unsigned count, unsigned *ret)
{
        unsigned value = 0;

        for (unsigned i = 0; i < count; i++) {
                if ((*p)[i] < '0' || (*p)[i] > '9') {
                        return false;
                }
                value = value * 10 + (unsigned)((*p)[i] - '0');
        }
        *p += count;
        *ret = value;
        return true;
}

/* Sets *ret to the place in the list, from 1. */
static bool take_word(const char **p, const char *const *words, size_t n, unsigned *ret)
{
        for (size_t i = 0; i < n; i++) {
                if (take_text(p, words[i])) {
                        *ret = (unsigned)i + 1;
                        return true;
                }
        }
        return false;
}

static bool take_time_of_day(const char **p, struct calendar_date *date)
{
        return take_digits(p, 2, &date->hour) && take_text(p, ":") && take_digits(p, 2, &date->minute) &&
               take_text(p, ":") && take_digits(p, 2, &date->second);
}

static bool read_fixed(const char *p, struct calendar_date *date)
{
        unsigned weekday;

        return take_word(&p, short_days, ARRAY_SIZE(short_days), &weekday) && take_text(&p, ", ") &&
               take_digits(&p, 2, &date->day) && take_text(&p, " ") &&
               take_word(&p, months, ARRAY_SIZE(months), &date->month) && take_text(&p, " ") &&
               take_digits(&p, 4, &date->year) && take_text(&p, " ") && take_time_of_day(&p, date) &&
               take_text(&p, " GMT") && *p == '\0';
}

static bool read_rfc850(const char *p, struct calendar_date *date)
{
        unsigned weekday;

        return take_word(&p, long_days, ARRAY_SIZE(long_days), &weekday) && take_text(&p, ", ") &&
               take_digits(&p, 2, &date->day) && take_text(&p, "-") &&
               take_word(&p, months, ARRAY_SIZE(months), &date->month) && take_text(&p, "-") &&
               take_digits(&p, 2, &date->year) && take_text(&p, " ") && take_time_of_day(&p, date) &&
               take_text(&p, " GMT") && *p == '\0';
}

static bool read_asctime(const char *p, struct calendar_date *date)
{
        unsigned weekday;

        return take_word(&p, short_days, ARRAY_SIZE(short_days), &weekday) && take_text(&p, " ") &&
               take_word(&p, months, ARRAY_SIZE(months), &date->month) && take_text(&p, " ") &&
               take_digits(&p, take_text(&p, " ") ? 1 : 2, &date->day) && take_text(&p, " ") &&
               take_time_of_day(&p, date) && take_text(&p, " ") && take_digits(&p, 4, &date->year) &&
               *p == '\0';
}

/* RFC 9110: a two-digit year is never more than 50 years ahead; so it is the latest year that is not. */
static void widen_year(struct calendar_date *date, int64_t wall_now_sec)
{
        unsigned this_year = 1970 + (unsigned)(wall_now_sec / SEC_PER_YEAR);

        date->year += this_year / 100 * 100 + 100;
        while (calendar_to_wall_clock(date) > wall_now_sec + 50 * SEC_PER_YEAR) {
                date->year -= 100;
        }
}

static int read_seconds(const char *value, uint32_t *ret_sec)
{
        uint64_t seconds = 0;

        for (const char *p = value; *p != '\0'; p++) {
                if (*p < '0' || *p > '9') {
                        return -EINVAL;
                }
                seconds = MIN_OF(seconds * 10 + (uint64_t)(*p - '0'), (uint64_t)WAIT_MAX_SEC);
        }
        *ret_sec = (uint32_t)seconds;
        return 0;
}

/* Copies the value without the white space around it; its length, 0 where there is nothing, or too much. */
static size_t trim(const char *value, char ret[static VALUE_MAX])
{
        value += strspn(value, " \t");
        size_t length = strlen(value);

        while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
                length--;
        }
        if (length >= VALUE_MAX) {
                return 0;
        }
        memcpy(ret, value, length);
        ret[length] = '\0';
        return length;
}

/* A clock outside 1970 to 9999 is no clock; so much is enough to stay clear of overflows. */
static int64_t sane_clock(int64_t wall_sec)
{
        return MAX_OF(INT64_C(0), MIN_OF(wall_sec, WALL_CLOCK_LIMIT));
}

static int read_date(const char *trimmed, int64_t wall_now_sec, int64_t *ret_sec)
{
        struct calendar_date date = { .year = 0 };

        if (read_rfc850(trimmed, &date)) {
                widen_year(&date, sane_clock(wall_now_sec));
        } else if (!read_fixed(trimmed, &date) && !read_asctime(trimmed, &date)) {
                return -EINVAL;
        }
        if (!calendar_date_is_real(&date)) {
                return -EINVAL;
        }
        *ret_sec = calendar_to_wall_clock(&date);
        return 0;
}

int http_date_parse(const char *value, int64_t wall_now_sec, int64_t *ret_sec)
{
        char trimmed[VALUE_MAX];

        return trim(value, trimmed) == 0 ? -EINVAL : read_date(trimmed, wall_now_sec, ret_sec);
}

int retry_after_parse(const char *value, int64_t wall_now_sec, uint32_t *ret_sec)
{
        char trimmed[VALUE_MAX];
        int64_t until, wait;

        if (trim(value, trimmed) == 0) {
                return -EINVAL;
        }
        if (read_seconds(trimmed, ret_sec) >= 0) {
                return 0;
        }
        int r = read_date(trimmed, wall_now_sec, &until);
        if (r < 0) {
                return r;
        }
        wait = until - sane_clock(wall_now_sec);
        *ret_sec = (uint32_t)MAX_OF(INT64_C(0), MIN_OF(wait, (int64_t)WAIT_MAX_SEC));
        return 0;
}
