/* What the keeper calls, and what a child calls until it has confined itself: it inherits this.
 *
 * The libraries call most of it, name services among them that this tree does not know; so what changes
 * nothing beyond the process and is in the groups of systemd that the unit names is here, too. */
#include "daemon/base/call_filter.h"

#include "lib/util.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const char *const descriptors[] = { "close",
                                           "close_range",
                                           "dup",
                                           "dup2",
                                           "dup3",
                                           "epoll_create",
                                           "epoll_create1",
                                           "epoll_ctl",
                                           "epoll_pwait",
                                           "epoll_pwait2",
                                           "epoll_wait",
                                           "eventfd",
                                           "eventfd2",
                                           "fcntl",
                                           "fcntl64",
                                           "ioctl",
                                           "lseek",
                                           "_llseek",
                                           "_newselect",
                                           "pipe",
                                           "pipe2",
                                           "poll",
                                           "ppoll",
                                           "ppoll_time64",
                                           "pread64",
                                           "preadv",
                                           "preadv2",
                                           "pselect6",
                                           "pselect6_time64",
                                           "pwrite64",
                                           "pwritev",
                                           "pwritev2",
                                           "read",
                                           "readv",
                                           "select",
                                           "write",
                                           "writev",
                                           NULL };

static const char *const sockets[] = {
        "accept",   "accept4", "bind",     "connect",    "getpeername",     "getsockname", "getsockopt",
        "listen",   "recv",    "recvfrom", "recvmmsg",   "recvmmsg_time64", "recvmsg",     "send",
        "sendmmsg", "sendmsg", "sendto",   "setsockopt", "shutdown",        "socketpair",  NULL
};

/* Files are read and watched. What writes: the memory of sessions (ftruncate, fchmod), and the sockets with
 * their folders. */
static const char *const files[] = { "access",
                                     "faccessat",
                                     "faccessat2",
                                     "fstat",
                                     "fstat64",
                                     "fstatat64",
                                     "fstatfs",
                                     "fstatfs64",
                                     "getcwd",
                                     "getdents",
                                     "getdents64",
                                     "inotify_add_watch",
                                     "inotify_init",
                                     "inotify_init1",
                                     "inotify_rm_watch",
                                     "lstat",
                                     "lstat64",
                                     "newfstatat",
                                     "open",
                                     "openat",
                                     "readlink",
                                     "readlinkat",
                                     "stat",
                                     "stat64",
                                     "statfs",
                                     "statfs64",
                                     "statx",
                                     "fchmod",
                                     "ftruncate",
                                     "ftruncate64",
                                     "memfd_create",
                                     "memfd_secret",
                                     "chmod",
                                     "fchmodat",
                                     "fchmodat2",
                                     "fchownat",
                                     "lchown",
                                     "lchown32",
                                     "mkdir",
                                     "mkdirat",
                                     "umask",
                                     "unlink",
                                     "unlinkat",
                                     NULL };

/* mmap and mprotect: see below */
static const char *const memory[] = { "brk",    "madvise", "membarrier", "mlock", "mlock2",
                                      "mremap", "munlock", "munmap",     NULL };

static const char *const time_calls[] = { "alarm",
                                          "clock_getres",
                                          "clock_getres_time64",
                                          "clock_gettime",
                                          "clock_gettime64",
                                          "clock_nanosleep",
                                          "clock_nanosleep_time64",
                                          "getitimer",
                                          "gettimeofday",
                                          "nanosleep",
                                          "setitimer",
                                          "time",
                                          "timer_create",
                                          "timer_delete",
                                          "timer_getoverrun",
                                          "timer_gettime",
                                          "timer_gettime64",
                                          "timer_settime",
                                          "timer_settime64",
                                          "timerfd_create",
                                          "timerfd_gettime",
                                          "timerfd_gettime64",
                                          "timerfd_settime",
                                          "timerfd_settime64",
                                          "times",
                                          NULL };

/* prctl, seccomp and landlock_*: how one confines itself. kill and wait*: how a child ends. */
static const char *const processes[] = { "arch_prctl",
                                         "cacheflush",
                                         "execve",
                                         "exit",
                                         "exit_group",
                                         "futex",
                                         "futex_time64",
                                         "futex_waitv",
                                         "get_robust_list",
                                         "get_thread_area",
                                         "getcpu",
                                         "getrandom",
                                         "kill",
                                         "landlock_add_rule",
                                         "landlock_create_ruleset",
                                         "landlock_restrict_self",
                                         "pause",
                                         "pidfd_open",
                                         "prctl",
                                         "prlimit64",
                                         "restart_syscall",
                                         "riscv_flush_icache",
                                         "riscv_hwprobe",
                                         "rseq",
                                         "rt_sigaction",
                                         "rt_sigpending",
                                         "rt_sigprocmask",
                                         "rt_sigreturn",
                                         "rt_sigsuspend",
                                         "rt_sigtimedwait",
                                         "rt_sigtimedwait_time64",
                                         "sched_getaffinity",
                                         "sched_yield",
                                         "seccomp",
                                         "set_robust_list",
                                         "set_thread_area",
                                         "set_tid_address",
                                         "set_tls",
                                         "setrlimit",
                                         "sigaction",
                                         "sigaltstack",
                                         "signal",
                                         "signalfd",
                                         "signalfd4",
                                         "sigpending",
                                         "sigprocmask",
                                         "sigreturn",
                                         "sigsuspend",
                                         "sysinfo",
                                         "tgkill",
                                         "ugetrlimit",
                                         "uname",
                                         "uretprobe",
                                         "wait4",
                                         "waitid",
                                         "waitpid",
                                         NULL };

/* "Who am I": reading only. */
static const char *const identity[] = { "getegid",   "getegid32",   "geteuid",   "geteuid32",
                                        "getgid",    "getgid32",    "getgroups", "getgroups32",
                                        "getpgid",   "getpgrp",     "getpid",    "getppid",
                                        "getresgid", "getresgid32", "getresuid", "getresuid32",
                                        "getrlimit", "getsid",      "gettid",    "getuid",
                                        "getuid32",  NULL };

/* Not both writable and executable, and nothing becomes executable later. */
static void allow_memory(scmp_filter_ctx filter, int *error)
{
        static const char *const names[] = { "mmap", "mmap2" };
        const struct scmp_arg_cmp not_executable[] = { CALL_BITS(2, PROT_EXEC, 0) };
        const struct scmp_arg_cmp not_writable[] = { CALL_BITS(2, PROT_WRITE, 0) };

        call_filter_allow(filter, memory, error);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                call_filter_allow_if(filter, names[i], 1, not_executable, error);
                call_filter_allow_if(filter, names[i], 1, not_writable, error);
        }
        call_filter_allow_if(filter, "mprotect", 1, not_executable, error);
}

/* Netlink: libc asks for the addresses of this machine; and the frontend is given one. */
static void allow_sockets(scmp_filter_ctx filter, int *error)
{
        static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

        call_filter_allow(filter, sockets, error);
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                const struct scmp_arg_cmp is_this[] = { CALL_INT(0, families[i]) };
                call_filter_allow_if(filter, "socket", 1, is_this, error);
        }
}

/* Threads and processes, no namespaces. clone3 takes its flags from memory: it is not there, as in many a
 * container, and libc falls back to clone. */
static void allow_clone(scmp_filter_ctx filter, int *error)
{
        const uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
#ifdef __s390__
        const struct scmp_arg_cmp in_ours[] = { CALL_BITS(1, namespaces, 0) };
#else
        const struct scmp_arg_cmp in_ours[] = { CALL_BITS(0, namespaces, 0) };
#endif
        call_filter_allow_if(filter, "clone", 1, in_ours, error);
}

int call_filter_keeper(scmp_filter_ctx *ret)
{
        _cleanup_(call_filter_freep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        static const char *const *const lists[] = { descriptors, files, time_calls, processes, identity };
        int error = 0;

        if (!filter) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                call_filter_allow(filter, lists[i], &error);
        }
        allow_memory(filter, &error);
        allow_sockets(filter, &error);
        allow_clone(filter, &error);
        *ret = error == 0 ? take_ptr(filter) : NULL;
        return error;
}
