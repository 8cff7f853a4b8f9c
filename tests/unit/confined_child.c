#include "tests/unit/confined_child.h"

#include "lib/util.h"

#include <errno.h>
#include <linux/netlink.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define CREATE_RULESET     444
#define PATIENCE_MSEC      30000
#define LINUX_FILTER_KNOWN 2 /* SECCOMP_GET_ACTION_AVAIL */

bool has_landlock(void)
{
        bool has = syscall(CREATE_RULESET, NULL, 0, 1) > 0;

        if (!has) {
                printf("no Landlock here: errno %d\n", errno);
        }
        return has;
}

bool has_filters(void)
{
        const uint32_t answer_errno = 0x00050000;
        bool has = syscall(SYS_seccomp, LINUX_FILTER_KNOWN, 0, &answer_errno) == 0;

        if (!has) {
                printf("no filters of system calls here: errno %d\n", errno);
        }
        return has;
}

int status_of_child(void (*run)(void))
{
        pid_t pid = fork();
        int status = -1;

        if (pid == 0) {
                (void)setpgid(0, 0);
                run();
                _exit(0);
        }
        for (int i = 0; i < PATIENCE_MSEC; i++) {
                if (waitpid(pid, &status, WNOHANG) == pid) {
                        (void)kill(-pid, SIGKILL);
                        return status;
                }
                (void)usleep(1000);
        }
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return -1;
}

int result_of(long answer)
{
        return answer < 0 ? -errno : 0;
}

static int listen_somewhere(struct sockaddr_in *ret)
{
        socklen_t length = sizeof(*ret);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        *ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        EXPECT(bind(fd, (const struct sockaddr *)ret, length) == 0 && listen(fd, 8) == 0);
        EXPECT(getsockname(fd, (struct sockaddr *)ret, &length) == 0);
        return fd;
}

void make_belongings(struct belongings *ret)
{
        struct sockaddr_in address;

        EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret->pair) == 0);
        ret->other_listener = listen_somewhere(&ret->other);
        ret->listener = listen_somewhere(&address);
        ret->datagrams = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        ret->epoll = epoll_create1(EPOLL_CLOEXEC);
        ret->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        ret->highest_fd = ret->timer;
        ret->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT(ret->datagrams >= 0 && ret->epoll >= 0 && ret->timer >= 0 && ret->client > ret->timer);
        EXPECT(connect(ret->client, (const struct sockaddr *)&address, sizeof(address)) == 0);
}
