/* boottime: the daemon's CLOCK_BOOTTIME, which may be ahead of the kernel's.
 *
 * A time namespace cannot change its clocks once a process is in it. These functions stand in the program
 * itself, so that its libraries find them before those of libc; sd-event is the one that matters. A jump is
 * made as a suspend makes it: while the process is stopped. When it goes on (SIGCONT), the timers that are
 * set are set again by the new clock, as the kernel does. */
#include "tests/chaos/control.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FDS          4096
#define NSEC_PER_SEC INT64_C(1000000000)

static struct {
        bool boottime;
        bool set; /* to the moment `at`, on our clock */
        struct itimerspec at;
} timers[FDS];

static int64_t forward_nsec(void)
{
        const struct control *control = control_get();

        return control ? (int64_t)atomic_load(&control->forward_usec) * 1000 : 0;
}

static struct timespec shift(struct timespec time, int64_t nsec)
{
        int64_t total = (int64_t)time.tv_sec * NSEC_PER_SEC + time.tv_nsec + nsec;

        if (total < 1) { /* long ago; 0 would mean: never */
                total = 1;
        }
        return (struct timespec){ .tv_sec = total / NSEC_PER_SEC, .tv_nsec = total % NSEC_PER_SEC };
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
        int r = (int)syscall(SYS_clock_gettime, id, ret);

        if (r == 0 && id == CLOCK_BOOTTIME) {
                *ret = shift(*ret, forward_nsec());
        }
        return r;
}

int timerfd_create(int id, int flags)
{
        int fd = (int)syscall(SYS_timerfd_create, id, flags);

        if (fd >= 0 && fd < FDS) {
                timers[fd].boottime = id == CLOCK_BOOTTIME || id == CLOCK_BOOTTIME_ALARM;
                timers[fd].set = false;
        }
        return fd;
}

static int set_timer(int fd, const struct itimerspec *at, struct itimerspec *ret_old)
{
        struct itimerspec shifted = *at;

        shifted.it_value = shift(at->it_value, -forward_nsec());
        return (int)syscall(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &shifted, ret_old);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *ret_old)
{
        bool known = fd >= 0 && fd < FDS && timers[fd].boottime;
        bool set = new_value->it_value.tv_sec != 0 || new_value->it_value.tv_nsec != 0;

        if (!known || !set || !(flags & TFD_TIMER_ABSTIME)) {
                if (known) {
                        timers[fd].set = false;
                }
                return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, ret_old);
        }
        timers[fd].at = *new_value;
        timers[fd].set = true;
        return set_timer(fd, new_value, ret_old);
}

static void on_continue(int number)
{
        int error = errno;

        for (int fd = 0; fd < FDS; fd++) {
                if (timers[fd].boottime && timers[fd].set) {
                        (void)set_timer(fd, &timers[fd].at, NULL);
                }
        }
        errno = error;
}

__attribute__((constructor)) static void begin(void)
{
        struct sigaction action = { .sa_handler = on_continue, .sa_flags = SA_RESTART };

        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(SIGCONT, &action, NULL);
}
