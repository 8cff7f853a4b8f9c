/* The groups of users on TCP. */
#include "daemon/frontend/known/known_groups.h"

#include "lib/util.h"

#include <errno.h>

int known_groups_find(struct known_groups *groups, uid_t uid, uint64_t now_usec, struct waiter *waiter,
                      const gid_t **ret, size_t *ret_n, uint64_t *ret_until_usec)
{
        for (size_t i = 0; i < groups->n_users; i++) {
                const typeof(groups->users[0]) *user = &groups->users[i];
                if (user->uid == uid && now_usec < user->until_usec) {
                        *ret = user->groups;
                        *ret_n = user->n;
                        *ret_until_usec = user->until_usec;
                        return 0;
                }
        }
        groups->sides->ask->groups(groups->sides->keeper, uid);
        waiters_add(&groups->waiters, waiter);
        return -EAGAIN;
}

/* Where to note a user: in the place of what was known before, in a free one, or in the place of the user
 * who was asked about longest ago. */
static size_t find_place(const struct known_groups *groups, uid_t uid)
{
        size_t oldest = 0;

        for (size_t i = 0; i < groups->n_users; i++) {
                if (groups->users[i].uid == uid) {
                        return i;
                }
                if (groups->users[i].until_usec < groups->users[oldest].until_usec) {
                        oldest = i;
                }
        }
        return groups->n_users < KNOWN_GROUPS_MAX ? groups->n_users : oldest;
}

void known_groups_take(struct known_groups *groups, uid_t uid, const gid_t *list, size_t n, bool told,
                       uint64_t now_usec)
{
        gid_t *copy = calloc(n + 1, sizeof(*copy));

        if (copy) {
                size_t place = find_place(groups, uid);
                typeof(groups->users[0]) *user = &groups->users[place];
                if (n > 0) {
                        memcpy(copy, list, n * sizeof(*copy));
                }
                groups->n_users = MAX_OF(groups->n_users, place + 1);
                free(user->groups);
                user->uid = uid;
                user->groups = copy;
                user->n = n;
                user->told = told;
                user->until_usec = now_usec + KNOWN_GROUPS_KEPT_USEC;
        }
        waiters_tell(&groups->waiters);
}

uint64_t known_groups_doubt(struct known_groups *groups, uid_t uid, uint64_t now_usec)
{
        for (size_t i = 0; i < groups->n_users; i++) {
                typeof(groups->users[0]) *user = &groups->users[i];
                if (user->uid == uid) {
                        if (user->told) {
                                user->until_usec =
                                        MIN_OF(user->until_usec, now_usec + KNOWN_GROUPS_DOUBT_USEC);
                        }
                        return user->until_usec;
                }
        }
        return USEC_NEVER;
}

void known_groups_forget(struct known_groups *groups)
{
        for (size_t i = 0; i < groups->n_users; i++) {
                groups->users[i].until_usec = 0;
        }
}

void known_groups_clear(struct known_groups *groups)
{
        for (size_t i = 0; i < groups->n_users; i++) {
                free(groups->users[i].groups);
        }
        groups->n_users = 0;
}
