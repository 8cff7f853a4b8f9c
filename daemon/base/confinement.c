/* In this order: no new privileges, which the other two need; Landlock; then the filter, in which Landlock's
 * calls are not, for the children. */
#include "daemon/base/confinement.h"

#include "daemon/base/call_filter.h"
#include "daemon/base/journal.h"
#include "daemon/base/landlock.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

/* The kernel does not have it, or a filter around answers so; -EACCES and -EPERM: the step before is not in
 * force; -E2BIG: as many layers as Landlock has are there already. */
static bool is_missing(int r)
{
        return r == -ENOSYS || r == -EOPNOTSUPP || r == -EINVAL || r == -EPERM || r == -EACCES ||
               r == -E2BIG;
}

static const char *why(int r)
{
        return r < 0 ? strerror(-r) : "in force";
}

static int confine(const char *who, int (*landlock)(uint32_t *ret), scmp_filter_ctx filter,
                   struct confinement *ret)
{
        uint32_t version = 0;

        int privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
        int files = landlock(&version);
        if (files < 0 && !is_missing(files)) {
                return files;
        }
        int calls = call_filter_load(filter);
        if (calls < 0 && !is_missing(calls)) {
                return calls;
        }
        if (privileges < 0 || files < 0 || calls < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_NOTICE },
                            "the %s is confined less than it could be; no new privileges: %s, Landlock: %s, "
                            "system call filter: %s",
                            who, why(privileges), why(files), why(calls));
        }
        *ret = (struct confinement){
                .no_new_privileges = privileges == 0,
                .filter = calls == 0,
                .landlock = version,
        };
        return 0;
}

int confine_keeper(struct confinement *ret)
{
        _cleanup_(call_filter_freep) scmp_filter_ctx filter = NULL;

        int r = call_filter_keeper(&filter);
        return r < 0 ? r : confine("keeper", landlock_read_only, filter, ret);
}

int confine_forwarder(struct confinement *ret)
{
        _cleanup_(call_filter_freep) scmp_filter_ctx filter = NULL;

        int r = call_filter_forwarder(&filter);
        return r < 0 ? r : confine("forwarder", landlock_connect_only, filter, ret);
}

int confine_frontend(int pair_fd, int highest_fd, struct confinement *ret)
{
        _cleanup_(call_filter_freep) scmp_filter_ctx filter = NULL;

        int r = call_filter_frontend(pair_fd, highest_fd, &filter);
        return r < 0 ? r : confine("frontend", landlock_nothing, filter, ret);
}
