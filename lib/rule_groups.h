/* The groups that rules name, by number. Other groups of a caller are of no interest, and may be 65,536
 * numbers long. */
#pragma once

#include "lib/access_settings.h"

/* Of all lists about environments, of the gateway's rules, and of local keys. */
#define RULE_GROUPS_MAX                                                                                     \
        (ACCESS_RULES_MAX * 2 * (SETTINGS_ENVIRONMENTS_MAX + 1) +                                           \
         GATEWAY_RULES_MAX * SETTINGS_ENVIRONMENTS_MAX + ACCESS_CALLER_GROUPS_MAX)

struct rule_groups {
        size_t n;
        gid_t ids[RULE_GROUPS_MAX]; /* sorted, each once */
};

/* Some of them: those that somebody is a member of. */
struct rule_group_list {
        size_t n;
        gid_t ids[RULE_GROUPS_MAX];
};

/* Those of all rules of these settings that are resolved. */
void rule_groups_of_access(struct rule_groups *ret, const struct access_settings *settings);

/* Which of the listed groups do the rules name? The list may be in any order, and name a group many times;
 * the answer is sorted, each once. */
void rule_groups_match(const struct rule_groups *groups, const gid_t *list, size_t n,
                       struct rule_group_list *ret);
