/* Remarks on settings, logged: when they come into force, and when they are checked. */
#include "daemon/keeper/settings_remarks.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "lib/gateway_remark.h"
#include "lib/settings_remark.h"

static void say(const char *environment, const char *text, void *userdata)
{
        journal_say(&(struct journal_record){ .priority = LOG_WARNING, .environment = environment }, "%s",
                    text);
}

void settings_remarks_log(const struct settings *settings)
{
        char text[SETTINGS_REMARK_MAX];

        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct environment_settings *environment = &settings->environments[i];

                if (settings_remark(environment, text)) {
                        say(environment->name, text, NULL);
                }
        }
        gateway_remarks(settings, clock_wall_sec(), say, NULL);
}
