/* Remarks on settings, logged: when they come into force, and when they are checked. */
#include "daemon/keeper/settings_remarks.h"

#include "daemon/base/journal.h"
#include "lib/settings_remark.h"

void settings_remarks_log(const struct settings *settings)
{
        char text[SETTINGS_REMARK_MAX];

        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct environment_settings *environment = &settings->environments[i];

                if (settings_remark(environment, text)) {
                        journal_say(&(struct journal_record){ .priority = LOG_WARNING,
                                                              .environment = environment->name },
                                    "%s", text);
                }
        }
}
