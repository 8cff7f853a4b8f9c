/* The groups that rules name. */
#include "lib/rule_groups.h"

#include "lib/util.h"

#include <assert.h>

static void add(struct rule_groups *groups, const struct access_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                if (access_rule_is_group(&rules->rules[i])) {
                        assert(groups->n <
                               RULE_GROUPS_MAX); /* a list has no more, nor have settings more lists */
                        groups->ids[groups->n++] = rules->rules[i].id;
                }
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

void rule_groups_of_settings(struct rule_groups *ret, const struct settings *settings)
{
        ret->n = 0;
        add(ret, &settings->allow);
        add(ret, &settings->operators);
        for (size_t i = 0; i < settings->n_environments; i++) {
                add(ret, &settings->environments[i].allow);
                add(ret, &settings->environments[i].operators);
        }
        sort(ret);
}

void rule_groups_of_access(struct rule_groups *ret, const struct access_settings *settings)
{
        ret->n = 0;
        add(ret, &settings->allow);
        add(ret, &settings->operators);
        for (size_t i = 0; i < settings->n_environments; i++) {
                add(ret, &settings->environments[i].allow);
                add(ret, &settings->environments[i].operators);
        }
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
