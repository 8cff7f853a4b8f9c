/* Remarks on settings, logged: when they come into force, and when they are checked. */
#include "daemon/keeper/settings_remarks.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/process_cgroup.h"
#include "daemon/keeper/unit_tree.h"
#include "lib/gateway_remark.h"
#include "lib/settings_remark.h"
#include "lib/util.h"

#include <errno.h>

static void say(const char *environment, const char *text, void *userdata)
{
        journal_say(&(struct journal_record){ .priority = LOG_WARNING, .environment = environment }, "%s",
                    text);
}

static bool has_units(const struct access_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                if (rules->rules[i].kind == ACCESS_RULE_UNIT) {
                        return true;
                }
        }
        return false;
}

static bool name_units(const struct settings *settings)
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                if (has_units(&settings->environments[i].allow)) {
                        return true;
                }
        }
        return has_units(&settings->allow);
}

/* Why the processes of units cannot be told; NULL: they can. */
static const char *unit_obstacle(void)
{
        uint64_t cgroup;

        if (process_cgroup_own(&cgroup) == -EOPNOTSUPP) {
                return "this kernel does not tell which unit a process belongs to (it takes Linux 6.13)";
        }
        if (sizeof(long) < sizeof(cgroup)) {
                return "on 32 bits the number of a control group is not that of its folder";
        }
        _cleanup_close_ int tree = unit_tree_open();
        return tree < 0 ? "no tree of control groups of version 2 can be seen at /sys/fs/cgroup, so it "
                          "cannot be "
                          "told which unit a process belongs to"
                        : NULL;
}

/* Its rules still let units load their tokens. */
static void say_no_units(const struct settings *settings)
{
        const char *why = name_units(settings) ? unit_obstacle() : NULL;

        if (why) {
                journal_say(
                        &(struct journal_record){ .priority = LOG_WARNING },
                        "%s: %s: by 'allow = unit:NAME' a unit can load its token with LoadCredential=, and "
                        "cannot ask on the unix socket; allow its user as well if it is to ask",
                        settings->unit_place, why);
        }
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
        if (settings_remark_share(&settings->share, text)) {
                say(NULL, text, NULL);
        }
        say_no_units(settings);
        gateway_remarks(settings, clock_wall_sec(), say, NULL);
}
