/* The groups of users, from the user database: a helper thread for each look-up. */
#include "daemon/keeper/group_lookup.h"

#include "daemon/base/helper_threads.h"
#include "daemon/base/journal.h"
#include "daemon/base/sides.h"
#include "lib/line_budget.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#define THREADS_MAX GROUP_QUESTIONS_MAX
#define WAITING_MAX GROUP_QUESTIONS_MAX
#define GROUPS_MAX  65536

/* One line of failures per this time, and so many at once: each uid that asks can cause one, and while the
 * user database is silent, all do. */
#define FAILED_USEC  (10 * USEC_PER_SEC)
#define FAILED_BURST 10

struct lookup {
        struct helper_task task;
        uid_t uid;
        int error; /* 0, or why the user database did not answer */
        gid_t *groups;
        size_t n_groups;
        uint64_t generation;
};

struct group_lookup {
        struct helper_threads *threads;
        uid_t under_way[THREADS_MAX];
        size_t n_under_way;
        uid_t waiting[WAITING_MAX]; /* for one of these to end; the oldest first */
        size_t n_waiting;
        uint64_t generation; /* grows with group_lookup_renew() */
        struct line_budget failed;
        group_lookup_done_fn done;
        void *userdata;
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
                errno = EIO; /* returned where a name service is silent and gives no reason */
                int error = getpwuid_r(lookup->uid, &user, texts, size, &found);
                if (error == ERANGE) {
                        continue;
                }
                if (error != 0) {
                        return -error; /* ENOENT as well: see rule_answer_look_up() */
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

static void begin_next(struct group_lookup *groups, uint64_t now_usec);

/* what: "cannot look up". */
static void say_failed(struct group_lookup *groups, const char *what, uid_t uid, int error,
                       uint64_t now_usec)
{
        char kept_back[LINE_BUDGET_TEXT_MAX];

        if (line_budget_spend(&groups->failed, FAILED_USEC, FAILED_BURST, now_usec)) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "%s the groups of uid %u: %s%s", what, uid, strerror(-error),
                            line_budget_kept_back(&groups->failed, kept_back));
        }
}

static void on_done(struct helper_task *task, uint64_t now_usec, void *userdata)
{
        struct group_lookup *groups = userdata;
        struct lookup *lookup = (struct lookup *)task;

        for (size_t i = 0; i < groups->n_under_way; i++) {
                if (groups->under_way[i] == lookup->uid) {
                        groups->under_way[i] = groups->under_way[--groups->n_under_way];
                        break;
                }
        }
        if (lookup->error < 0) {
                say_failed(groups, "the user database does not give", lookup->uid, lookup->error, now_usec);
        }
        if (lookup->generation == groups->generation) {
                groups->done(lookup->uid, lookup->groups, lookup->n_groups, lookup->error == 0,
                             groups->userdata);
        } else {
                group_lookup_begin(groups, lookup->uid, now_usec);
        }
        (void)lookup_free(lookup);
        begin_next(groups, now_usec);
}

static bool is_among(const uid_t *uids, size_t n, uid_t uid)
{
        for (size_t i = 0; i < n; i++) {
                if (uids[i] == uid) {
                        return true;
                }
        }
        return false;
}

static void begin_next(struct group_lookup *groups, uint64_t now_usec)
{
        if (groups->n_waiting > 0 && groups->n_under_way < THREADS_MAX) {
                uid_t uid = groups->waiting[0];
                groups->n_waiting--;
                memmove(groups->waiting, groups->waiting + 1,
                        groups->n_waiting * sizeof(groups->waiting[0]));
                group_lookup_begin(groups, uid, now_usec);
        }
}

void group_lookup_begin(struct group_lookup *groups, uid_t uid, uint64_t now_usec)
{
        if (is_among(groups->under_way, groups->n_under_way, uid) ||
            is_among(groups->waiting, groups->n_waiting, uid)) {
                return;
        }
        if (groups->n_under_way == THREADS_MAX) {
                if (groups->n_waiting < WAITING_MAX) {
                        groups->waiting[groups->n_waiting++] = uid;
                }
                return;
        }
        struct lookup *lookup = calloc(1, sizeof(*lookup));
        if (!lookup) {
                return;
        }
        lookup->task = (struct helper_task){ .work = work, .done = on_done, .drop = drop };
        lookup->uid = uid;
        lookup->generation = groups->generation;
        int r = helper_threads_start(groups->threads, &lookup->task);
        if (r < 0) {
                say_failed(groups, "cannot look up", uid, r, now_usec);
                (void)lookup_free(lookup);
                return;
        }
        groups->under_way[groups->n_under_way++] = uid;
}

void group_lookup_renew(struct group_lookup *groups)
{
        groups->generation++;
}

int group_lookup_new(struct group_lookup **ret, sd_event *event, group_lookup_done_fn done, void *userdata)
{
        struct group_lookup *groups = calloc(1, sizeof(*groups));
        int r = groups ? helper_threads_new(&groups->threads, event, "user groups", groups) : -ENOMEM;

        if (r < 0) {
                free(groups);
                return r;
        }
        groups->done = done;
        groups->userdata = userdata;
        *ret = groups;
        return 0;
}

struct group_lookup *group_lookup_free(struct group_lookup *groups)
{
        if (groups) {
                groups->threads = helper_threads_free(groups->threads);
                free(groups);
        }
        return NULL;
}
