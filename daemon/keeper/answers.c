/* What the frontend asks, and how it is answered: by an outcome that leaves in a turn of its own. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/keeper_objects.h"
#include "lib/rule_groups.h"
#include "lib/util.h"

#include <unistd.h>

/* ---- about a token ---- */

static void on_demand(struct keeper *keeper, uint64_t number, const char *name, uint32_t min_ttl_sec)
{
        struct environment *environment = environments_find(&keeper->environments, name);
        struct keeper_outcome outcome = { .number = number, .verdict = REFRESH_NO_KEY };

        if (environment) {
                outcome.verdict =
                        environment_demand(environment, min_ttl_sec, clock_now_usec(), &outcome.obstacle);
        }
        outbox_put(keeper->outbox, &outcome);
}

static void on_report(struct keeper *keeper, uint64_t number, const char *name, const char *ust,
                      size_t length)
{
        struct environment *environment = environments_find(&keeper->environments, name);
        struct keeper_outcome outcome = { .number = number, .verdict = REFRESH_NO_KEY };

        if (environment) {
                outcome.verdict =
                        environment_report(environment, ust, length, clock_now_usec(), &outcome.obstacle);
        }
        outbox_put(keeper->outbox, &outcome);
}

static void on_refresh(struct keeper *keeper, uint64_t number, const char *name, bool new_account)
{
        struct environment *environment = environments_find(&keeper->environments, name);
        struct keeper_outcome outcome = { .number = number, .verdict = REFRESH_NO_KEY };

        if (environment) {
                outcome.verdict = environment_operator_refresh(environment, new_account, clock_now_usec(),
                                                               &outcome.obstacle);
        }
        outbox_put(keeper->outbox, &outcome);
}

static void on_reload(struct keeper *keeper, uint64_t number)
{
        reload_ask(&keeper->reload, number);
}

/* ---- about users and groups ---- */

static void on_groups(struct keeper *keeper, uid_t uid)
{
        group_lookup_begin(keeper->groups, uid);
}

void answers_on_groups(uid_t uid, const gid_t *groups, size_t n, bool told, void *userdata)
{
        struct keeper *keeper = userdata;
        struct rule_groups named;
        struct rule_group_list list;

        rule_groups_of_settings(&named, keeper->settings);
        rule_groups_match(&named, groups, n, &list);
        keeper->sides.tell->groups(keeper->sides.frontend, uid, list.ids, list.n, told);
}

static void on_names(struct keeper *keeper)
{
        rule_names_look_again(keeper->names, clock_now_usec());
}

/* A name in the rules has gone, or has another number. */
static bool tell_rules(struct keeper *keeper)
{
        struct access_settings *access = NULL;

        /* Even without memory for the rest: who has the socket's mode and group has them by a name. */
        keeper->sides.tell->give_sockets(keeper->sides.frontend, keeper->settings);
        if (access_settings_new(&access, keeper->settings, geteuid()) < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "out of memory: the rules stay as they were");
                return false;
        }
        keeper->sides.tell->settings(keeper->sides.frontend, access);
        return true;
}

bool answers_on_names(bool changed, uint64_t again_usec, uint64_t until_usec, void *userdata)
{
        struct keeper *keeper = userdata;

        if (changed && !tell_rules(keeper)) {
                return false; /* the rules in force are not to be taken for fresh */
        }
        keeper->sides.tell->names(keeper->sides.frontend, again_usec, until_usec);
        return true;
}

const struct keeper_calls answers_calls = {
        .demand = on_demand,
        .report = on_report,
        .refresh = on_refresh,
        .reload = on_reload,
        .groups = on_groups,
        .names = on_names,
};
