/* The keeper's calls, and those of a child until it has confined itself: it inherits this.
 *
 * Most of it is called by libraries, name services among them that this tree does not know; and what one
 * libc or architecture calls, another has under another name. All that the frontend calls must all be here,
 * and what is here must be in the unit, but for what opens a listener: tests/sandbox/test_filter.py
 * compares. */
#include "daemon/base/call_filter.h"
#include "lib/util.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const char *const free_calls[] = {
        /* descriptors */
        "close", "close_range", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait",
        "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "fcntl", "fcntl64", "ioctl", "lseek", "_llseek",
        "_newselect", "pipe2", "poll", "ppoll", "ppoll_time64", "pread64", "pselect6", "pselect6_time64",
        "read", "readv", "select", "write", "writev",
        /* sockets; accept4 is the frontend's */
        "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv",
        "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto",
        "setsockopt", "shutdown", "socketpair",
        /* files are read and watched */
        "access", "faccessat", "faccessat2", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64",
        "getdents64", "inotify_add_watch", "inotify_init1", "inotify_rm_watch", "lstat64", "newfstatat",
        "openat", "readlink", "readlinkat", "stat64", "statfs", "statfs64", "statx",
        /* sessions are kept in memory that has a descriptor */
        "fchmod", "ftruncate", "ftruncate64",
        "memfd_create", /* unix sockets and the folders for them are made and removed */
        "chmod", "fchmodat", "fchmodat2", "fchownat", "lchown", "lchown32", "mkdir", "mkdirat", "umask",
        "unlink", "unlinkat",
        /* memory; mmap and mprotect: see below */
        "brk", "madvise", "mlock", "mlock2", "mremap", "munlock", "munmap",
        /* time */
        "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
        "clock_nanosleep_time64", "gettimeofday", "nanosleep", "time", "timerfd_create", "timerfd_settime",
        "timerfd_settime64",
        /* children are started, waited for, ended; clone: see below */
        "execve", "kill", "pidfd_open", "wait4", "waitid", "waitpid",
        /* they confine themselves */
        "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "prctl", "seccomp",
        /* threads, signals, and how a program starts */
        "arch_prctl", "cacheflush", "exit", "exit_group", "futex", "futex_time64", "getcpu", "getrandom",
        "prlimit64", "restart_syscall", "riscv_flush_icache", "riscv_hwprobe", "rseq", "rt_sigaction",
        "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list",
        "set_thread_area", "set_tid_address", "set_tls", "sigaction", "sigaltstack", "signalfd", "signalfd4",
        "sigprocmask", "sigreturn", "sysinfo", "tgkill", "ugetrlimit", "uname", "uretprobe",
        /* its identity: reading only */
        "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
        "getpid", "getppid", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "gettid",
        "getuid", "getuid32", NULL
};

/* Not both writable and executable, and nothing becomes executable later. */
static void allow_memory(scmp_filter_ctx filter, int *error)
{
        static const char *const names[] = { "mmap", "mmap2" };
        const struct scmp_arg_cmp not_executable[] = { CALL_BITS(2, PROT_EXEC, 0) };
        const struct scmp_arg_cmp not_writable[] = { CALL_BITS(2, PROT_WRITE, 0) };

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
        int error = 0;

        if (!filter) {
                return -ENOMEM;
        }
        call_filter_allow(filter, free_calls, &error);
        allow_memory(filter, &error);
        allow_sockets(filter, &error);
        allow_clone(filter, &error);
        *ret = error == 0 ? take_ptr(filter) : NULL;
        return error;
}
