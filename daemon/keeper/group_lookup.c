/* The groups of a user, from the user database: a helper thread looks them up, the loop files them. */
#include "daemon/keeper/group_lookup.h"

#include "daemon/base/helper_threads.h"
#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#define REMEMBERED_MAX 128 /* users; beyond it the oldest is forgotten */
#define THREADS_MAX    4
#define GROUPS_MAX     65536

struct lookup {
        struct helper_task task;
        uid_t uid;
        int error; /* 0, or why the user database did not answer */
        gid_t *groups;
        size_t n_groups;
        uint64_t found_usec; /* CLOCK_BOOTTIME when it was filed; 0: under way */
        uint64_t until_usec; /* it is believed until then */
};

struct user_groups {
        struct helper_threads *threads;
        struct lookup *remembered[REMEMBERED_MAX];
        uid_t under_way[THREADS_MAX];
        size_t n_remembered, n_under_way;
        struct waiters waiters;
};

static struct lookup *lookup_free(struct lookup *lookup)
{
        if (lookup) {
                free(lookup->groups);
                free(lookup);
        }
        return NULL;
}

/* ---- in the thread ---- */

static int read_groups(struct lookup *lookup, const struct passwd *user)
{
        int n = 64;

        for (;;) {
                gid_t *groups = reallocarray(lookup->groups, (size_t)n, sizeof(*groups));
                if (!groups) {
                        return -ENOMEM;
                }
                lookup->groups = groups;
                int room = n;
                if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) >= 0) {
                        lookup->n_groups = (size_t)n;
                        return 0;
                }
                if (n <= room || n > GROUPS_MAX) {
                        return -E2BIG;
                }
        }
}

static int look_up(struct lookup *lookup)
{
        _cleanup_free_ char *texts = NULL;
        struct passwd user, *found = NULL;

        for (size_t size = 4096; size <= 1024 * 1024; size *= 4) {
                free(texts);
                texts = malloc(size);
                if (!texts) {
                        return -ENOMEM;
                }
                int error = getpwuid_r(lookup->uid, &user, texts, size, &found);
                if (error == ERANGE) {
                        continue;
                }
                if (error != 0 && error != ENOENT && error != ESRCH) {
                        return -error;
                }
                return found ? read_groups(lookup, found) : 0;
        }
        return -E2BIG;
}

static void work(struct helper_task *task)
{
        struct lookup *lookup = (struct lookup *)task;
        lookup->error = look_up(lookup);
}

static void drop(struct helper_task *task)
{
        (void)lookup_free((struct lookup *)task);
}

/* ---- on the loop ---- */

/* Where to file a look-up: in the place of what was known of the user, in a free one, or in that of whoever
 * was looked up longest ago. */
static size_t find_place(const struct user_groups *groups, uid_t uid)
{
        size_t oldest = 0;

        for (size_t i = 0; i < groups->n_remembered; i++) {
                if (groups->remembered[i]->uid == uid) {
                        return i;
                }
                if (groups->remembered[i]->found_usec < groups->remembered[oldest]->found_usec) {
                        oldest = i;
                }
        }
        return groups->n_remembered < REMEMBERED_MAX ? groups->n_remembered : oldest;
}

static void file(struct user_groups *groups, struct lookup *lookup)
{
        size_t place = find_place(groups, lookup->uid);

        if (place == groups->n_remembered) {
                groups->n_remembered++;
        } else {
                (void)lookup_free(groups->remembered[place]);
        }
        groups->remembered[place] = lookup;
}

static void on_done(struct helper_task *task, uint64_t now_usec, void *userdata)
{
        struct user_groups *groups = userdata;
        struct lookup *lookup = (struct lookup *)task;

        for (size_t i = 0; i < groups->n_under_way; i++) {
                if (groups->under_way[i] == lookup->uid) {
                        groups->under_way[i] = groups->under_way[--groups->n_under_way];
                        break;
                }
        }
        if (lookup->error < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "the user database does not tell the groups of uid %u: %s", lookup->uid,
                            strerror(-lookup->error));
                lookup->n_groups = 0; /* no group is the safe answer; asked again in a minute */
        }
        lookup->found_usec = now_usec;
        lookup->until_usec = now_usec + USER_GROUPS_KEPT_USEC;
        file(groups, lookup);
        waiters_tell(&groups->waiters);
}

static void begin(struct user_groups *groups, uid_t uid)
{
        for (size_t i = 0; i < groups->n_under_way; i++) {
                if (groups->under_way[i] == uid) {
                        return;
                }
        }
        if (groups->n_under_way == THREADS_MAX) {
                return; /* whoever waits comes again when one of them ends */
        }
        struct lookup *lookup = calloc(1, sizeof(*lookup));
        if (!lookup) {
                return;
        }
        lookup->task = (struct helper_task){ .work = work, .done = on_done, .drop = drop };
        lookup->uid = uid;
        int r = helper_threads_start(groups->threads, &lookup->task);
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "cannot look up the groups of uid %u: %s", uid, strerror(-r));
                (void)lookup_free(lookup);
                return;
        }
        groups->under_way[groups->n_under_way++] = uid;
}

int user_groups_find(struct user_groups *groups, uid_t uid, uint64_t now_usec, const gid_t **ret,
                     size_t *ret_n, uint64_t *ret_until_usec)
{
        for (size_t i = 0; i < groups->n_remembered; i++) {
                const struct lookup *lookup = groups->remembered[i];
                if (lookup->uid == uid && now_usec < lookup->until_usec) {
                        *ret = lookup->groups;
                        *ret_n = lookup->n_groups;
                        *ret_until_usec = lookup->until_usec;
                        return 0;
                }
        }
        begin(groups, uid);
        return -EAGAIN;
}

uint64_t user_groups_doubt(struct user_groups *groups, uid_t uid)
{
        for (size_t i = 0; i < groups->n_remembered; i++) {
                struct lookup *lookup = groups->remembered[i];
                if (lookup->uid == uid) {
                        /* A database in trouble is spared. */
                        if (lookup->error == 0) {
                                lookup->until_usec = lookup->found_usec + USER_GROUPS_DOUBTED_USEC;
                        }
                        return lookup->until_usec;
                }
        }
        return UINT64_MAX;
}

void user_groups_wait(struct user_groups *groups, struct waiter *waiter)
{
        waiters_add(&groups->waiters, waiter);
}

static void free_groups(struct user_groups **groups)
{
        *groups = user_groups_free(*groups);
}

int user_groups_new(struct user_groups **ret, sd_event *event)
{
        _cleanup_(free_groups) struct user_groups *groups = calloc(1, sizeof(*groups));
        if (!groups) {
                return -ENOMEM;
        }
        int r = helper_threads_new(&groups->threads, event, "user groups", groups);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(groups);
        return 0;
}

struct user_groups *user_groups_free(struct user_groups *groups)
{
        if (groups) {
                groups->threads = helper_threads_free(groups->threads);
                for (size_t i = 0; i < groups->n_remembered; i++) {
                        (void)lookup_free(groups->remembered[i]);
                }
                free(groups);
        }
        return NULL;
}
