/* Files that give no key, and why. A name comes from the directory, so it may hold anything: bytes that a
 * log could not print are not kept. */
#include "daemon/keeper/key_refusals.h"

#include "daemon/base/journal.h"

#include <stdarg.h>
#include <stdio.h>

int key_refusals_new(struct key_refusals *ret)
{
        struct key_refusal *list = calloc(KEY_FILES_MAX, sizeof(*list));

        if (!list) {
                return -ENOMEM;
        }
        *ret = (struct key_refusals){ .list = list };
        return 0;
}

void key_refusals_clear(struct key_refusals *refusals)
{
        free(refusals->list);
        *refusals = (struct key_refusals){ 0 };
}

void key_refusals_add(struct key_refusals *refusals, const char *file, const char *environment,
                      const char *format, ...)
{
        if (refusals->n >= KEY_FILES_MAX) {
                return;
        }
        struct key_refusal *refusal = &refusals->list[refusals->n++];
        va_list arguments;

        for (size_t i = 0; file[i] && i + 1 < sizeof(refusal->file); i++) {
                unsigned char c = (unsigned char)file[i];
                refusal->file[i] = (char)(c > 0x20 && c < 0x7f ? c : '?');
        }
        (void)snprintf(refusal->environment, sizeof(refusal->environment), "%s", environment);
        va_start(arguments, format);
        (void)vsnprintf(refusal->reason, sizeof(refusal->reason), format, arguments);
        va_end(arguments);
}

static bool has(const struct key_refusals *refusals, const struct key_refusal *wanted)
{
        for (size_t i = 0; i < refusals->n; i++) {
                if (streq(refusals->list[i].file, wanted->file) &&
                    streq(refusals->list[i].reason, wanted->reason)) {
                        return true;
                }
        }
        return false;
}

void key_refusals_tell(const struct key_refusals *now, const struct key_refusals *before,
                       const char *directory)
{
        for (size_t i = 0; i < now->n; i++) {
                const struct key_refusal *new = &now->list[i];
                bool all = streq(new->file, ".");

                if (has(before, new)) {
                        continue;
                }
                journal_say(&(struct journal_record){ .priority = new->passes ? LOG_WARNING : LOG_ERR,
                                                      .id = EVENT_KEY_FILE_REFUSED,
                                                      .environment =
                                                              *new->environment ? new->environment : NULL },
                            "key %s %s%s%s is not used: %s", all ? "directory" : "file", directory,
                            all ? "" : "/", all ? "" : new->file, new->reason);
        }
}

bool key_refusals_concern(const struct key_refusals *refusals, const char *environment)
{
        for (size_t i = 0; i < refusals->n; i++) {
                if (streq(refusals->list[i].environment, environment) ||
                    streq(refusals->list[i].file, ".")) {
                        return true;
                }
        }
        return false;
}
