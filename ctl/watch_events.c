/* Watch events: signals and a timer, in one epoll descriptor, which the client library can wait for beside
 * its socket. */
#include "ctl/watch_events.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

static bool is_ignored(int number)
{
        struct sigaction action;

        return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* The signals that are taken from the descriptor. A hangup that somebody had ignored (nohup) stays so. */
static void choose_signals(sigset_t *ret)
{
        (void)sigemptyset(ret);
        (void)sigaddset(ret, SIGTERM);
        (void)sigaddset(ret, SIGINT);
        (void)sigaddset(ret, SIGQUIT);
        (void)sigaddset(ret, SIGCHLD);
        if (!is_ignored(SIGHUP)) {
                (void)sigaddset(ret, SIGHUP);
        }
}

static int take_signals(struct watch_events *events)
{
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        /* Were it ignored, as a parent may leave it, children could not be waited for. */
        const struct sigaction plain = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
        sigset_t signals;

        choose_signals(&signals);
        events->ignored_pipe = is_ignored(SIGPIPE);
        if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGCHLD, &plain, NULL) < 0 ||
            sigprocmask(SIG_BLOCK, &signals, &events->before) < 0) {
                return -errno;
        }
        events->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        return events->signal_fd < 0 ? -errno : 0;
}

static int add(int fd, int added)
{
        struct epoll_event event = { .events = EPOLLIN };

        return epoll_ctl(fd, EPOLL_CTL_ADD, added, &event) < 0 ? -errno : 0;
}

int watch_events_open(struct watch_events *ret)
{
        int r;

        *ret = (struct watch_events){ .signal_fd = -1 };
        ret->fd = epoll_create1(EPOLL_CLOEXEC);
        ret->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (ret->fd < 0 || ret->timer_fd < 0) {
                return -errno;
        }
        r = take_signals(ret);
        if (r < 0) {
                return r;
        }
        r = add(ret->fd, ret->signal_fd);
        return r < 0 ? r : add(ret->fd, ret->timer_fd);
}

void watch_events_close(struct watch_events *events)
{
        close_fd(&events->fd);
        close_fd(&events->signal_fd);
        close_fd(&events->timer_fd);
}

uint64_t watch_events_take(struct watch_events *events)
{
        struct signalfd_siginfo info;
        struct timespec now = { 0 };
        uint64_t n;

        while (read(events->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                events->stop = events->stop || info.ssi_signo != SIGCHLD;
        }
        if (read(events->timer_fd, &n, sizeof(n)) < 0) { /* not its time yet */
                n = 0;
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

void watch_events_wake(struct watch_events *events, uint64_t at_usec)
{
        uint64_t usec = at_usec == USEC_NEVER ? 0 : MAX_OF(at_usec, UINT64_C(1)); /* 0: no time */
        const struct itimerspec at = { .it_value = { .tv_sec = (time_t)(usec / USEC_PER_SEC),
                                                     .tv_nsec = (long)(usec % USEC_PER_SEC) * 1000 } };

        (void)timerfd_settime(events->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void watch_events_wait(struct watch_events *events)
{
        struct pollfd wanted = { events->fd, POLLIN, 0 };

        (void)poll(&wanted, 1, -1);
}
