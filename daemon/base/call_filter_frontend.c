/* The frontend's calls: it reads and writes what it has, and accepts. */
#include "daemon/base/call_filter.h"
#include "daemon/base/process_cgroup_call.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *const free_calls[] = {
        /* descriptors */
        "accept4", "close", "getpeername", "getsockname", "getsockopt", "read", "recv", "recvfrom", "send",
        "write", "writev",
        /* the loop */
        "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "poll", "ppoll", "ppoll_time64",
        "restart_syscall", "timerfd_create", "timerfd_settime", "timerfd_settime64",
        /* memory */
        "brk", "madvise", "mlock", "mlock2", "mremap", "munlock", "munmap",
        /* time, where the kernel has no shared page for it; chance; locks of libraries */
        "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "futex",
        "futex_time64", "getrandom", "gettimeofday", "nanosleep", "time",
        /* itself: sd-event and abort() ask who they are */
        "exit", "exit_group", "getpid", "gettid", "rseq", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
        "sigprocmask", "sigreturn", NULL
};

/* Not F_DUPFD: the copy of a listener would have a number above the line. And no socket is made to wait: a
 * listener's flags are the keeper's and the next frontend's as well. */
static void allow_flags(scmp_filter_ctx filter, int *error)
{
        static const int commands[] = { F_GETFL, F_GETFD, F_SETFD };
        const struct scmp_arg_cmp stays_nonblocking[] = { CALL_INT(1, F_SETFL),
                                                          CALL_BITS(2, O_NONBLOCK, O_NONBLOCK) };

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                const struct scmp_arg_cmp is_this[] = { CALL_INT(1, commands[i]) };
                call_filter_allow_if(filter, "fcntl", 1, is_this, error);
                call_filter_allow_if(filter, "fcntl64", 1, is_this, error);
        }
        call_filter_allow_if(filter, "fcntl", 2, stays_nonblocking, error);
        call_filter_allow_if(filter, "fcntl64", 2, stays_nonblocking, error);
        const struct scmp_arg_cmp is_unread[] = { CALL_INT(1, FIONREAD) };
        call_filter_allow_if(filter, "ioctl", 1, is_unread, error);
}

/* The control group that a caller is in. Other requests of a pidfd open namespaces. */
static void allow_asking_for_cgroups(scmp_filter_ctx filter, int *error)
{
        const struct scmp_arg_cmp is_question[] = { CALL_INT(1, PROCESS_CGROUP_CALL) };

        call_filter_allow_if(filter, "ioctl", 1, is_question, error);
}

/* Descriptors that come through the pair, to a number below the greatest power of 2 up to the line, which
 * one mask tells; nothing gets above the line. */
static void allow_moving_down(scmp_filter_ctx filter, int highest_fd, int *error)
{
        uint32_t numbers = 1;

        while (2 * numbers - 1 <= (uint32_t)highest_fd) {
                numbers *= 2;
        }
        const struct scmp_arg_cmp to_there[] = { CALL_BITS(1, ~(numbers - 1), 0) };
        call_filter_allow_above(filter, "dup3", highest_fd, 1, to_there, error);
}

/* The options that libmicrohttpd sets. Others load modules, or rewrite what a connection is (TCP_REPAIR,
 * TCP_ULP). */
static void allow_tcp_options(scmp_filter_ctx filter, int highest_fd, int *error)
{
        static const int options[] = { TCP_NODELAY, TCP_CORK };

        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const struct scmp_arg_cmp is_this[] = { CALL_INT(1, IPPROTO_TCP), CALL_INT(2, options[i]) };
                call_filter_allow_above(filter, "setsockopt", highest_fd, 2, is_this, error);
        }
}

/* Sending with MSG_FASTOPEN connects. */
static void allow_sockets(scmp_filter_ctx filter, int pair_fd, int highest_fd, int *error)
{
        const struct scmp_arg_cmp without_connecting[] = { CALL_BITS(2, MSG_FASTOPEN, 0) };
        const struct scmp_arg_cmp to_nobody[] = { CALL_NULL(4), CALL_BITS(3, MSG_FASTOPEN, 0) };
        const struct scmp_arg_cmp to_somebody[] = { CALL_BITS(3, MSG_FASTOPEN, 0) };
        const struct scmp_arg_cmp on_pair[] = { CALL_INT(0, pair_fd) };

        call_filter_allow_above(filter, "shutdown", highest_fd, 0, NULL, error);
        allow_tcp_options(filter, highest_fd, error);
        call_filter_allow_if(filter, "sendmsg", 1, without_connecting, error);
        call_filter_allow_if(filter, "sendto", 2, to_nobody, error);
        call_filter_allow_up_to(filter, "sendto", highest_fd, 1, to_somebody, error);
        call_filter_allow_if(filter, "recvmsg", 1, on_pair, error);
        allow_moving_down(filter, highest_fd, error);
}

int call_filter_frontend(int pair_fd, int highest_fd, scmp_filter_ctx *ret)
{
        _cleanup_(call_filter_freep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        int error = 0;

        if (!filter) {
                return -ENOMEM;
        }
        call_filter_allow(filter, free_calls, &error);
        call_filter_allow_own(filter, &error);
        allow_flags(filter, &error);
        allow_asking_for_cgroups(filter, &error);
        allow_sockets(filter, pair_fd, highest_fd, &error);
        *ret = error == 0 ? take_ptr(filter) : NULL;
        return error;
}
