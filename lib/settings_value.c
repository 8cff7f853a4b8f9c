/* Values that several keys of the configuration have: each is checked, and refused with a cure. */
#include "lib/settings_value.h"

#include "lib/duration.h"
#include "lib/end_date.h"
#include "lib/size.h"

#include <errno.h>
#include <stdio.h>

#define WHY_MAX 256

int settings_value_number(struct settings_reading *r, const char *value, uint32_t min, uint32_t max,
                          uint32_t *ret)
{
        char why[WHY_MAX];
        size_t length = strlen(value);
        unsigned long number;

        if (length >= 1 && length <= 9 && strspn(value, "0123456789") == length) {
                number = strtoul(value, NULL, 10);
                if (number >= min && number <= max) {
                        *ret = (uint32_t)number;
                        return 0;
                }
        }
        (void)snprintf(why, sizeof(why), "write a number from %u to %u", (unsigned)min, (unsigned)max);
        return settings_fail_value(r, value, why);
}

int settings_value_duration(struct settings_reading *r, const char *value, uint64_t max_usec,
                            uint64_t *ret_usec)
{
        char why[WHY_MAX], max[DURATION_TEXT_MAX];
        uint64_t usec;
        int n;

        n = duration_parse(value, &usec);
        if (n >= 0 && usec >= USEC_PER_SEC && usec <= max_usec) {
                *ret_usec = usec;
                return 0;
        }
        (void)snprintf(why, sizeof(why), "write a duration from 1s to %s, such as 90, 90s, 15min, 2h or 1d",
                       duration_format(max_usec, max));
        return settings_fail_value(r, value, why);
}

int settings_value_either(struct settings_reading *r, const char *value, const char *first,
                          const char *second, bool *ret)
{
        char why[WHY_MAX];

        if (streq(value, first) || streq(value, second)) {
                *ret = streq(value, first);
                return 0;
        }
        (void)snprintf(why, sizeof(why), "write %s or %s", first, second);
        return settings_fail_value(r, value, why);
}

int settings_value_text(struct settings_reading *r, const char *value, char **ret)
{
        char *text = strdup(value);

        if (!text) {
                return settings_fail_memory(r);
        }
        free(*ret);
        *ret = text;
        return 0;
}

int settings_value_path(struct settings_reading *r, const char *value, char **ret)
{
        if (value[0] != '/') {
                return settings_fail_value(r, value, "write an absolute path, one that begins with a slash");
        }
        return settings_value_text(r, value, ret);
}

int settings_value_rule(struct settings_reading *r, const char *value, bool units,
                        struct access_rules *rules)
{
        struct access_rule rule;
        const char *why = NULL;
        int n;

        if (access_rule_parse(value, &rule, &why) < 0) {
                return settings_fail_value(r, value, why);
        }
        if (rule.kind == ACCESS_RULE_LOCAL && !(units && r->environment)) {
                return settings_fail_value(r, value,
                                           "a local key opens what its own section says, and [gateway "
                                           "ENVIRONMENT]: write this rule there");
        }
        if (rule.kind == ACCESS_RULE_UNIT && !units) {
                return settings_fail_value(r, value,
                                           "a unit gets its token and cannot ask for anything else: write "
                                           "user:NAME, uid:NUMBER, group:NAME or gid:NUMBER");
        }
        if (r->first) {
                access_rules_clear(rules);
        }
        if (rule.kind == ACCESS_RULE_UNIT) {
                (void)settings_place(r, r->settings->unit_place);
        }
        n = access_rules_add(rules, &rule);
        if (n == -E2BIG) {
                return settings_fail_value(
                        r, value, "there are too many rules: write 64 at most, or a rule for a group");
        }
        return n < 0 ? settings_fail_memory(r) : 0;
}

int settings_value_size(struct settings_reading *r, const char *value, uint64_t min, uint64_t max,
                        uint64_t *ret)
{
        char why[WHY_MAX], from[SIZE_TEXT_MAX], to[SIZE_TEXT_MAX];
        uint64_t size;

        if (size_parse(value, &size) >= 0 && size >= min && size <= max) {
                *ret = size;
                return 0;
        }
        (void)snprintf(why, sizeof(why), "write a size from %s to %s, such as 512KiB or 64MiB",
                       size_format(min, from), size_format(max, to));
        return settings_fail_value(r, value, why);
}

int settings_value_end_date(struct settings_reading *r, const char *value, int64_t *ret)
{
        if (end_date_parse(value, ret) < 0) {
                return settings_fail_value(
                        r, value,
                        "write the last day, such as 2027-06-30, or a moment in UTC, such as "
                        "2027-06-30T12:00:00Z");
        }
        return 0;
}
