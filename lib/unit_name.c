/* The names of units.
 *
 * A name is a prefix, maybe '@' and an instance, and a dot with the type. The first '@' and the last dot
 * count: an instance may hold both. */
#include "lib/unit_name.h"

#include "lib/util.h"

#define UNIT_CHARACTERS                                                                                     \
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"                                    \
        ":-_.\\@"

static const char *last_dot(const char *name, size_t length)
{
        while (length > 0 && name[length - 1] != '.') {
                length--;
        }
        return length > 0 ? name + length - 1 : NULL;
}

static bool is_among(const char *type, size_t length, const char *const *types, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (strlen(types[i]) == length && memcmp(type, types[i], length) == 0) {
                        return true;
                }
        }
        return false;
}

const char *unit_name_fault(const char *name, size_t length)
{
        static const char *const running[] = { "service", "socket", "mount", "swap" };
        static const char *const others[] = { "target", "timer", "automount", "path",
                                              "slice",  "scope", "device" };
        const char *dot = last_dot(name, length);
        size_t type_length;

        if (length == 0) {
                return "the name is missing: write unit:NAME.service";
        }
        if (length > UNIT_NAME_MAX) {
                return "the name is over 98 characters long, and such a unit cannot ask for a token";
        }
        for (size_t i = 0; i < length; i++) {
                if (name[i] == '\0' || !strchr(UNIT_CHARACTERS, name[i])) {
                        return "the name has a character that unit names do not have: write one rule per "
                               "line, as unit:NAME.service, or unit:NAME@.service for all instances";
                }
        }
        if (!dot) {
                return "the name has no type: write unit:NAME.service";
        }
        type_length = (size_t)(name + length - dot - 1);
        if (is_among(dot + 1, type_length, others, ARRAY_SIZE(others))) {
                return "a unit of this type runs no program and cannot ask for a token: write the name of "
                       "the service";
        }
        if (!is_among(dot + 1, type_length, running, ARRAY_SIZE(running))) {
                return "the name has no type: write unit:NAME.service";
        }
        if (dot == name || name[0] == '@') {
                return "there is nothing before the type or the @: write unit:NAME.service";
        }
        return NULL;
}

bool unit_name_is_template(const char *name, size_t length)
{
        const char *at = memchr(name, '@', length);

        return at && at + 1 == last_dot(name, length);
}

bool unit_name_fits(const char *wanted, const char *name)
{
        size_t length = strlen(name), prefix_length;
        const char *type;

        if (!unit_name_is_template(wanted, strlen(wanted))) {
                return streq(wanted, name);
        }

        type = strchr(wanted, '@') + 1;
        prefix_length = (size_t)(type - wanted);
        return length > prefix_length + strlen(type) && strncmp(wanted, name, prefix_length) == 0 &&
               streq(name + length - strlen(type), type);
}
