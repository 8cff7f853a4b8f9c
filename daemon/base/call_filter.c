/* Filters of system calls by libseccomp.
 *
 * i386's socketcall takes the arguments from memory, where no filter looks, and libc may use it: a condition
 * on a socket's call does not hold there. The same with mmap on s390. */
#include "daemon/base/call_filter.h"

#include "lib/util.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONDITIONS_MAX 4
#define INT_BITS       31 /* of a descriptor */

#if defined(__i386__) || defined(__s390__)
#define ARGUMENTS_IN_MEMORY 1
#else
#define ARGUMENTS_IN_MEMORY 0
#endif

static bool keeps_arguments_in_memory(const char *name)
{
        static const char *const names[] = { "accept4",    "recvfrom", "recvmsg", "sendmsg", "sendto",
                                             "setsockopt", "shutdown", "socket",  "mmap" };

        for (size_t i = 0; ARGUMENTS_IN_MEMORY && i < ARRAY_SIZE(names); i++) {
                if (streq(name, names[i])) {
                        return true;
                }
        }
        return false;
}

void call_filter_allow_if(scmp_filter_ctx filter, const char *name, unsigned n,
                          const struct scmp_arg_cmp *conditions, int *error)
{
        int number = seccomp_syscall_resolve_name(name);

        if (number == __NR_SCMP_ERROR) {
                return; /* newer than this libseccomp */
        }
        if (keeps_arguments_in_memory(name)) {
                n = 0;
        }
        /* A number below 0 is another architecture's, or part of socketcall. */
        int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, n, conditions);
        if (r < 0 && r != -EEXIST && !(number < 0 && r == -EDOM) && *error == 0) {
                *error = r;
        }
}

void call_filter_allow(scmp_filter_ctx filter, const char *const *names, int *error)
{
        for (; *names; names++) {
                call_filter_allow_if(filter, *names, 0, NULL, error);
        }
}

/* Adds the condition that the first argument's 31 bits, from bit `low` on, are those of `value`. */
static void allow_with_prefix(scmp_filter_ctx filter, const char *name, unsigned low, uint32_t value,
                              unsigned n, const struct scmp_arg_cmp *conditions, int *error)
{
        struct scmp_arg_cmp all[CONDITIONS_MAX];
        uint32_t mask = UINT32_MAX << low;

        all[0] = CALL_BITS(0, mask, value & mask);
        for (unsigned i = 0; i < n && i + 1 < CONDITIONS_MAX; i++) {
                all[i + 1] = conditions[i];
        }
        call_filter_allow_if(filter, name, MIN_OF(n + 1, CONDITIONS_MAX), all, error);
}

/* libseccomp compares 64 bits with "greater". So: a number is greater than another if it has a 1 where that
 * has a 0, and above that place they are the same. */
void call_filter_allow_above(scmp_filter_ctx filter, const char *name, int line, unsigned n,
                             const struct scmp_arg_cmp *conditions, int *error)
{
        uint32_t bits = (uint32_t)line;

        for (unsigned i = 0; i < INT_BITS; i++) {
                uint32_t bit = UINT32_C(1) << i;
                if (!(bits & bit)) {
                        allow_with_prefix(filter, name, i, bits | bit, n, conditions, error);
                }
        }
}

void call_filter_allow_up_to(scmp_filter_ctx filter, const char *name, int line, unsigned n,
                             const struct scmp_arg_cmp *conditions, int *error)
{
        uint32_t bits = (uint32_t)line;

        allow_with_prefix(filter, name, 0, bits, n, conditions, error);
        for (unsigned i = 0; i < INT_BITS; i++) {
                uint32_t bit = UINT32_C(1) << i;
                if (bits & bit) {
                        allow_with_prefix(filter, name, i, bits & ~bit, n, conditions, error);
                }
        }
}

/* ---- what both children need ---- */

static void allow_memory(scmp_filter_ctx filter, int *error)
{
        static const char *const names[] = { "mmap", "mmap2", "mprotect" };
        const struct scmp_arg_cmp not_executable[] = { CALL_BITS(2, PROT_EXEC, 0) };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                call_filter_allow_if(filter, names[i], 1, not_executable, error);
        }
}

/* How many descriptors there may be is looked up, and not changed. */
static void allow_limits(scmp_filter_ctx filter, int *error)
{
        const struct scmp_arg_cmp no_new_one[] = { CALL_NULL(2) };

        call_filter_allow_if(filter, "prlimit64", 1, no_new_one, error);
}

void call_filter_allow_own(scmp_filter_ctx filter, int *error)
{
        const struct scmp_arg_cmp abort_itself[] = { CALL_INT(0, getpid()), CALL_INT(2, SIGABRT) };

        call_filter_allow_if(filter, "tgkill", 2, abort_itself, error);
        allow_memory(filter, error);
        allow_limits(filter, error);
}

int call_filter_load(scmp_filter_ctx filter)
{
        (void)seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1); /* else any error is ECANCELED */
        return seccomp_load(filter);
}

void call_filter_freep(scmp_filter_ctx *filter)
{
        if (*filter) {
                seccomp_release(*filter);
        }
        *filter = NULL;
}
