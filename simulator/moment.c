/* moment: reads the clocks, writes times. Day and month names do not depend on the locale, which is never
 * set. */
#include "simulator/moment.h"

#include "lib/util.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
        struct timespec ts = { 0 };

        /* Both clocks exist on every kernel that this runs on. */
        if (clock_gettime(id, &ts) < 0) {
                abort();
        }
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t forward_usec; /* the time that admin requests let pass, in all */

uint64_t moment_forward(uint64_t sec)
{
        forward_usec += sec * USEC_PER_SEC;
        return forward_usec;
}

uint64_t moment_boottime_usec(void)
{
        return read_clock(CLOCK_BOOTTIME) + forward_usec;
}

uint64_t moment_wall_usec(void)
{
        return read_clock(CLOCK_REALTIME);
}

static bool split(uint64_t wall_usec, struct tm *ret)
{
        time_t sec = (time_t)(wall_usec / USEC_PER_SEC);

        return gmtime_r(&sec, ret) != NULL;
}

void moment_format(uint64_t wall_usec, char ret_text[static MOMENT_TEXT_SIZE])
{
        unsigned milliseconds = (unsigned)(wall_usec % USEC_PER_SEC / USEC_PER_MSEC);
        char seconds[MOMENT_TEXT_SIZE - 8] = "";
        struct tm tm;

        if (split(wall_usec, &tm) && strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
                seconds[0] = '\0';
        }
        (void)snprintf(ret_text, MOMENT_TEXT_SIZE, "%s.%03uZ", seconds, milliseconds % 1000);
}

void moment_format_http(uint64_t wall_usec, char ret_text[static MOMENT_TEXT_SIZE])
{
        struct tm tm;

        if (!split(wall_usec, &tm) ||
            strftime(ret_text, MOMENT_TEXT_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0) {
                ret_text[0] = '\0';
        }
}
