/* Limits that the process sets itself before the first secret is read. */
#include "daemon/base/process.h"

#include "daemon/base/journal.h"
#include "lib/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void warn(const char *what)
{
        journal_say(&(struct journal_record){ .priority = LOG_WARNING }, "%s: %s", what, strerror(errno));
}

/* Each client connection is a descriptor. */
static void raise_descriptor_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
                        warn("cannot raise the limit of open files");
                }
        }
}

int process_standard_descriptors(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0) {
                        continue;
                }
                /* Writing to this one fails, as it did: a token that nobody gets is no success. */
                int made = open("/dev/null", O_RDONLY);
                if (made != fd) {
                        return made < 0 ? -errno : -EBADF;
                }
        }
        return 0;
}

unsigned process_descriptors(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX) {
                return INT_MAX;
        }
        return (unsigned)limit.rlim_cur;
}

/* A limit of 0 gives EPERM, as a filter that forbids the call does. */
static bool is_limit(int error)
{
        struct rlimit limit = { 0, 0 };

        return error == ENOMEM || error == EAGAIN ||
               (error == EPERM && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == 0);
}

static void check_locking(void)
{
        void *probe = secret_alloc(1);

        if (probe && !secret_locked(probe)) {
                const struct journal_record record = { .priority = LOG_WARNING,
                                                       .id = EVENT_MEMORY_UNLOCKED };
                int error = mlock(probe, 1) < 0 ? errno : EAGAIN; /* once more, for the reason */
                if (is_limit(error)) {
                        journal_say(&record, "memory for secrets cannot be locked, it may be swapped out: "
                                             "raise RLIMIT_MEMLOCK (LimitMEMLOCK=8M in the unit)");
                } else {
                        journal_say(&record,
                                    "memory for secrets cannot be locked, it may be swapped out: mlock is "
                                    "refused whatever the limit (%s), as by a container's filter; allow "
                                    "it there (systemd-nspawn: --system-call-filter=@memlock)",
                                    strerror(error));
                }
        }
        (void)secret_free(probe);
}

void process_harden(void)
{
        const struct rlimit no_core = { 0, 0 };

        if (setrlimit(RLIMIT_CORE, &no_core) < 0) {
                warn("cannot forbid core dumps");
        }
        /* Also makes /proc/PID/mem and ptrace root's alone. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0) {
                warn("cannot make the process undumpable");
        }
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
                warn("cannot ignore SIGPIPE");
        }
        raise_descriptor_limit();
        check_locking();
}
