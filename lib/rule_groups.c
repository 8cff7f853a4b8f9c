/* The groups that rules name. */
#include "lib/rule_groups.h"

#include "lib/util.h"

#include <assert.h>

static void note(struct rule_groups *groups, const struct access_rule *rule)
{
        if (access_rule_is_group(rule)) {
                assert(groups->n < RULE_GROUPS_MAX); /* a list has no more, nor have settings more lists */
                groups->ids[groups->n++] = rule->id;
        }
}

static void add(struct rule_groups *groups, const struct access_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                note(groups, &rules->rules[i]);
        }
}

static void add_gateway(struct rule_groups *groups, const struct gateway_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                note(groups, &rules->rules[i].who);
        }
}

static int compare(const void *a, const void *b)
{
        gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

        return x < y ? -1 : x > y;
}

static void sort(struct rule_groups *groups)
{
        size_t n = 0;

        qsort(groups->ids, groups->n, sizeof(groups->ids[0]), compare);
        for (size_t i = 0; i < groups->n; i++) {
                if (n == 0 || groups->ids[n - 1] != groups->ids[i]) {
                        groups->ids[n++] = groups->ids[i];
                }
        }
        groups->n = n;
}

static bool contains(const struct rule_groups *groups, gid_t id)
{
        for (size_t i = 0; i < groups->n; i++) {
                if (groups->ids[i] == id) {
                        return true;
                }
        }
        return false;
}

/* There may be any number of local keys; their groups are so many at most (access_settings_new()). */
static void add_callers(struct rule_groups *groups, const struct local_key *keys, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < keys[i].callers.n; j++) {
                        const struct access_rule *rule = &keys[i].callers.rules[j];
                        if (access_rule_is_group(rule) && !contains(groups, rule->id)) {
                                note(groups, rule);
                        }
                }
        }
}

void rule_groups_of_access(struct rule_groups *ret, const struct access_settings *settings)
{
        ret->n = 0;
        add(ret, &settings->allow);
        add(ret, &settings->operators);
        for (size_t i = 0; i < settings->n_environments; i++) {
                add(ret, &settings->environments[i].allow);
                add(ret, &settings->environments[i].operators);
                add_gateway(ret, &settings->environments[i].gateway_rules);
        }
        add_callers(ret, settings->local_keys, settings->n_local_keys);
        sort(ret);
}

void rule_groups_match(const struct rule_groups *groups, const gid_t *list, size_t n,
                       struct rule_group_list *ret)
{
        bool seen[RULE_GROUPS_MAX];
        size_t n_seen = 0;

        ret->n = 0;
        memset(seen, 0, groups->n);
        for (size_t i = 0; i < n && n_seen < groups->n; i++) {
                const gid_t *found =
                        bsearch(&list[i], groups->ids, groups->n, sizeof(groups->ids[0]), compare);
                if (found && !seen[found - groups->ids]) {
                        seen[found - groups->ids] = true;
                        n_seen++;
                }
        }
        for (size_t i = 0; i < groups->n; i++) {
                if (seen[i]) {
                        ret->ids[ret->n++] = groups->ids[i];
                }
        }
}
