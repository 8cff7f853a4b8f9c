/* The groups of users on TCP. */
#include "daemon/frontend/known/known_groups.h"

#include "lib/util.h"

#include <errno.h>

/* Its index; n_users: it is not there. */
static size_t find_user(const struct known_groups *groups, uid_t uid)
{
        size_t i = 0;

        while (i < groups->n_users && groups->users[i].uid != uid) {
                i++;
        }
        return i;
}

int known_groups_find(struct known_groups *groups, uid_t uid, uint64_t now_usec, struct waiter *waiter,
                      struct rule_group_list *ret, uint64_t *ret_until_usec)
{
        size_t at = find_user(groups, uid);
        bool there = at < groups->n_users;
        const typeof(groups->users[0]) *user = &groups->users[there ? at : 0];

        if (!there || now_usec >= user->until_usec) {
                /* Also of one whose time is over, it is good to know. */
                group_questions_add(&groups->questions, uid, there && user->n > 0, now_usec, waiter);
                return -EAGAIN;
        }
        *ret_until_usec = user->until_usec;
        if (!user->told) {
                return -ENODATA;
        }
        ret->n = user->n;
        if (user->n > 0) {
                memcpy(ret->ids, user->groups, user->n * sizeof(ret->ids[0]));
        }
        return 0;
}

/* Where to note a user: in the place of what was known before, in a free one, or in that of the user of whom
 * the same is known, something or nothing, and who was asked about longest ago. */
static size_t find_place(const struct known_groups *groups, uid_t uid, bool member)
{
        size_t same = find_user(groups, uid), n[2] = { 0 }, oldest[2] = { 0 };

        if (same < groups->n_users) {
                return same;
        }
        for (size_t i = 0; i < groups->n_users; i++) {
                size_t kind = groups->users[i].n > 0;
                if (n[kind]++ == 0 || groups->users[i].until_usec < groups->users[oldest[kind]].until_usec) {
                        oldest[kind] = i;
                }
        }
        if (n[member] >= KNOWN_GROUPS_MAX / 2) {
                return oldest[member];
        }
        return groups->n_users < KNOWN_GROUPS_MAX ? groups->n_users : oldest[!member];
}

void known_groups_take(struct known_groups *groups, uid_t uid, const gid_t *list, size_t n, bool told,
                       uint64_t now_usec)
{
        gid_t *copy = calloc(n + 1, sizeof(*copy));

        if (copy && n <= RULE_GROUPS_MAX) {
                size_t place = find_place(groups, uid, n > 0);
                typeof(groups->users[0]) *user = &groups->users[place];
                if (n > 0) {
                        memcpy(copy, list, n * sizeof(*copy));
                }
                groups->n_users = MAX_OF(groups->n_users, place + 1);
                free(user->groups);
                user->uid = uid;
                user->groups = take_ptr(copy);
                user->n = n;
                user->told = told;
                user->until_usec = now_usec + KNOWN_GROUPS_KEPT_USEC;
        }
        free(copy);
        group_questions_answered(&groups->questions, uid, now_usec);
}

uint64_t known_groups_doubt(struct known_groups *groups, uid_t uid, uint64_t now_usec)
{
        size_t at = find_user(groups, uid);

        if (at == groups->n_users) {
                return USEC_NEVER;
        }
        typeof(groups->users[0]) *user = &groups->users[at];
        if (user->told) {
                user->until_usec = MIN_OF(user->until_usec, now_usec + KNOWN_GROUPS_DOUBT_USEC);
        }
        return user->until_usec;
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
        group_questions_clear(&groups->questions);
}
