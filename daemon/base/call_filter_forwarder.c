/* The forwarder's calls: it connects by TCP, and reads and writes what it has. */
#include "daemon/base/call_filter.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *const free_calls[] = {
        /* descriptors; connect: see socket below, there is no other that could be connected */
        "close", "connect", "getpeername", "getsockname", "getsockopt", "lseek", "_llseek", "read", "readv",
        "recv", "recvfrom", "recvmsg", "send", "shutdown", "write", "writev",
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

/* Of TCP and of nothing else: a unix socket would reach others' services, a datagram a name server. */
static void allow_tcp(scmp_filter_ctx filter, int *error)
{
        static const int families[] = { AF_INET, AF_INET6 }, protocols[] = { 0, IPPROTO_TCP };
        const uint32_t kinds = ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);

        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                for (size_t j = 0; j < ARRAY_SIZE(protocols); j++) {
                        const struct scmp_arg_cmp is_this[] = { CALL_INT(0, families[i]),
                                                                CALL_BITS(1, kinds, SOCK_STREAM),
                                                                CALL_INT(2, protocols[j]) };
                        call_filter_allow_if(filter, "socket", 3, is_this, error);
                }
        }
}

/* The options that libcurl sets, and a look into a lane. Others load modules, or rewrite what a connection
 * is (TCP_REPAIR, TCP_ULP). */
static void allow_options(scmp_filter_ctx filter, int *error)
{
        static const int options[][2] = { { IPPROTO_TCP, TCP_NODELAY }, { SOL_SOCKET, SO_PEEK_OFF } };

        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const struct scmp_arg_cmp is_this[] = { CALL_INT(1, options[i][0]),
                                                        CALL_INT(2, options[i][1]) };
                call_filter_allow_if(filter, "setsockopt", 2, is_this, error);
        }
}

/* To nobody but the other end. */
static void allow_messages(scmp_filter_ctx filter, int *error)
{
        const struct scmp_arg_cmp to_nobody[] = { CALL_NULL(4) };
        const struct scmp_arg_cmp without_connecting[] = { CALL_BITS(2, MSG_FASTOPEN, 0) };

        call_filter_allow_if(filter, "sendto", 1, to_nobody, error);
        call_filter_allow_if(filter, "sendmsg", 1, without_connecting, error);
}

/* Any flags: files of authorities are all that it shares with others, and those are mapped. */
static void allow_flags(scmp_filter_ctx filter, int *error)
{
        static const int commands[] = { F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_GET_SEALS };
        static const unsigned long requests[] = { FIONREAD, FIONBIO };

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                const struct scmp_arg_cmp is_this[] = { CALL_INT(1, commands[i]) };
                call_filter_allow_if(filter, "fcntl", 1, is_this, error);
                call_filter_allow_if(filter, "fcntl64", 1, is_this, error);
        }
        for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
                const struct scmp_arg_cmp is_this[] = { CALL_INT(1, requests[i]) };
                call_filter_allow_if(filter, "ioctl", 1, is_this, error);
        }
}

int call_filter_forwarder(scmp_filter_ctx *ret)
{
        _cleanup_(call_filter_freep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        int error = 0;

        if (!filter) {
                return -ENOMEM;
        }
        call_filter_allow(filter, free_calls, &error);
        call_filter_allow_own(filter, &error);
        allow_tcp(filter, &error);
        allow_options(filter, &error);
        allow_messages(filter, &error);
        allow_flags(filter, &error);
        *ret = error == 0 ? take_ptr(filter) : NULL;
        return error;
}
