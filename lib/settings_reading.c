/* The place of a reading, and the fault that ends it. Messages never quote what may be a secret: people
 * paste keys into wrong files. */
#include "lib/settings_reading.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define FILE_NAME_SHOWN_MAX 160
#define VALUE_SHOWN_MAX     60

const char *settings_place(const struct settings_reading *r, char buffer[static SETTINGS_PLACE_MAX + 1])
{
        size_t length = strlen(r->file_name);
        bool cut = length > FILE_NAME_SHOWN_MAX;

        (void)snprintf(buffer, SETTINGS_PLACE_MAX + 1, "%s%s:%u", cut ? "..." : "",
                       cut ? r->file_name + length - FILE_NAME_SHOWN_MAX : r->file_name, r->line);
        return buffer;
}

int settings_fail(struct settings_reading *r, const char *format, ...)
{
        char place[SETTINGS_PLACE_MAX + 1], what[SETTINGS_ERROR_MAX];
        va_list arguments;

        (void)settings_place(r, place);
        va_start(arguments, format);
        (void)vsnprintf(what, sizeof(what), format, arguments);
        va_end(arguments);
        (void)snprintf(r->message, SETTINGS_ERROR_MAX, "%s: %.*s", place,
                       (int)(SETTINGS_ERROR_MAX - sizeof(place) - 3), what);
        r->result = -EINVAL;
        return r->result;
}

int settings_fail_memory(struct settings_reading *r)
{
        (void)settings_fail(r, "out of memory");
        r->result = -ENOMEM;
        return r->result;
}

/* Could it be a key or token that was pasted into the wrong line? They are long runs of letters and digits.
 */
static bool may_be_secret(const char *value)
{
        size_t letters = 0, digits = 0; /* of the run so far */

        for (; *value != '\0'; value++) {
                bool digit = *value >= '0' && *value <= '9';
                bool letter = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z');

                letters = digit || letter ? letters + letter : 0;
                digits = digit || letter ? digits + digit : 0;
                if (letters > 0 && digits >= 3 && letters + digits >= 10) {
                        return true;
                }
        }
        return false;
}

int settings_fail_value(struct settings_reading *r, const char *value, const char *why)
{
        char shown[VALUE_SHOWN_MAX + 1];
        size_t n = 0;

        if (may_be_secret(value)) {
                return settings_fail(r, "%s = (a value that is not repeated here): %s", r->key, why);
        }
        for (; value[n] != '\0' && n < VALUE_SHOWN_MAX; n++) {
                shown[n] = value[n] >= 0x20 && value[n] <= 0x7e ? value[n] : '?';
        }
        shown[n] = '\0';
        return settings_fail(r, "%s = %s%s: %s", r->key, shown, value[n] != '\0' ? "..." : "", why);
}

bool settings_is_showable(const char *word)
{
        size_t length = strlen(word);

        return length >= 1 && length <= 32 &&
               strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}
