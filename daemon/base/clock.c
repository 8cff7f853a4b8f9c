/* The one place where the daemon reads clocks. */
#include "daemon/base/clock.h"

#include "lib/util.h"

#include <stdio.h>
#include <time.h>

uint64_t clock_now_usec(void)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail for this clock */
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_usec(void)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

int64_t clock_wall_sec(void)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec;
}

uint64_t clock_wall_usec(void)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

const char *clock_format_http(char buffer[static CLOCK_TEXT_MAX])
{
        time_t seconds = (time_t)clock_wall_sec();
        struct tm utc;

        /* The names of days and months are English: nothing here sets a locale. */
        if (!gmtime_r(&seconds, &utc) ||
            strftime(buffer, CLOCK_TEXT_MAX, "%a, %d %b %Y %H:%M:%S GMT", &utc) == 0) {
                buffer[0] = '\0';
        }
        return buffer;
}

const char *clock_format_utc(uint64_t moment_usec, char buffer[static CLOCK_TEXT_MAX])
{
        /* Both clocks are read here: the time that passes between two readings would be added to every
         * moment. */
        int64_t away_usec = (int64_t)(moment_usec - clock_now_usec());
        struct timespec wall;
        (void)clock_gettime(CLOCK_REALTIME, &wall);
        int64_t wall_usec = (int64_t)wall.tv_sec * (int64_t)USEC_PER_SEC + wall.tv_nsec / 1000 + away_usec;

        time_t seconds = (time_t)(wall_usec / (int64_t)USEC_PER_SEC);
        struct tm utc;

        if (!gmtime_r(&seconds, &utc) || strftime(buffer, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
                buffer[0] = '\0';
        }
        return buffer;
}

const char *clock_format_wall(char buffer[static CLOCK_TEXT_MAX])
{
        struct timespec now;
        struct tm utc;
        size_t length;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (!gmtime_r(&now.tv_sec, &utc) ||
            (length = strftime(buffer, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &utc)) == 0) {
                buffer[0] = '\0';
                return buffer;
        }
        (void)snprintf(buffer + length, CLOCK_TEXT_MAX - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
        return buffer;
}
