/* Spans of time in words: "15min" to microseconds and back.
 *
 * A span is a count and at most one unit. The written form is for people, so it names the two largest units
 * that say something; it is not meant to be read back. */
#include "lib/duration.h"

#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define USEC_PER_DAY     (24 * USEC_PER_HOUR)
#define DURATION_MAX_SEC UINT64_C(315360000) /* ten years of 365 days */

struct unit {
        const char *name;
        uint64_t usec;
};

/* Units that may be read. */
static const struct unit units[] = {
        { "d", USEC_PER_DAY }, { "h", USEC_PER_HOUR }, { "min", USEC_PER_MIN },
        { "m", USEC_PER_MIN }, { "s", USEC_PER_SEC },  { "sec", USEC_PER_SEC },
};

static uint64_t unit_usec(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (streq(units[i].name, name)) {
                        return units[i].usec;
                }
        }
        return 0;
}

int duration_parse(const char *text, uint64_t *ret_usec)
{
        const char *p = text;
        uint64_t count = 0, unit = USEC_PER_SEC;

        for (; *p >= '0' && *p <= '9'; p++) {
                if (count <= DURATION_MAX_SEC) { /* beyond that only the form still matters */
                        count = count * 10 + (uint64_t)(*p - '0');
                }
        }
        if (p == text) {
                return -EINVAL;
        }

        if (*p != '\0') {
                unit = unit_usec(*p == ' ' ? p + 1 : p);
                if (unit == 0) {
                        return -EINVAL;
                }
        }
        if (count > DURATION_MAX_SEC * USEC_PER_SEC / unit) {
                return -ERANGE;
        }

        *ret_usec = count * unit;
        return 0;
}

const char *duration_format(uint64_t usec, char buffer[static DURATION_TEXT_MAX])
{
        static const struct unit written[] = {
                { "d", USEC_PER_DAY },
                { "h", USEC_PER_HOUR },
                { "min", USEC_PER_MIN },
                { "s", USEC_PER_SEC },
        };
        size_t i = 0;
        uint64_t first, second = 0;
        int n;

        if (usec == USEC_NEVER) {
                (void)snprintf(buffer, DURATION_TEXT_MAX, "never");
                return buffer;
        }

        while (i < ARRAY_SIZE(written) - 1 && usec < written[i].usec) {
                i++;
        }
        first = usec / written[i].usec;
        if (i + 1 < ARRAY_SIZE(written)) {
                second = usec % written[i].usec / written[i + 1].usec;
        }

        n = snprintf(buffer, DURATION_TEXT_MAX, "%" PRIu64 "%s", first, written[i].name);
        if (second > 0 && n > 0 && n < DURATION_TEXT_MAX) {
                (void)snprintf(buffer + n, DURATION_TEXT_MAX - (size_t)n, " %" PRIu64 "%s", second,
                               written[i + 1].name);
        }
        return buffer;
}
