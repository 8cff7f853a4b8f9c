/* Numbers of bytes. Units are powers of 1024; "MB", which some take for one and some for the other, is none.
 */
#include "lib/size.h"

#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define LIMIT (UINT64_C(1) << 60)

static const struct {
        const char *name, *short_name;
        unsigned shift;
} units[] = {
        { "GiB", "G", 30 },
        { "MiB", "M", 20 },
        { "KiB", "K", 10 },
        { "", "B", 0 },
};

int size_parse(const char *text, uint64_t *ret)
{
        uint64_t size = 0;
        const char *p = text;

        for (; *p >= '0' && *p <= '9'; p++) {
                size = size * 10 + (uint64_t)(*p - '0');
                if (size >= LIMIT) {
                        return -ERANGE;
                }
        }
        if (p == text) {
                return -EINVAL;
        }
        if (*p == ' ' && p[1] != '\0') {
                p++;
        }
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (streq(p, units[i].name) || streq(p, units[i].short_name)) {
                        if (size >= LIMIT >> units[i].shift) {
                                return -ERANGE;
                        }
                        *ret = size << units[i].shift;
                        return 0;
                }
        }
        return -EINVAL;
}

const char *size_format(uint64_t size, char buffer[static SIZE_TEXT_MAX])
{
        size_t i = 0;

        while (size & ((UINT64_C(1) << units[i].shift) - 1)) {
                i++;
        }
        (void)snprintf(buffer, SIZE_TEXT_MAX, "%" PRIu64 "%s", size >> units[i].shift,
                       size > 0 ? units[i].name : "");
        return buffer;
}
