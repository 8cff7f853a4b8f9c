/* Held signals: blocked, and not ignored, so that each comes in the end. */
#include "ctl/held_signals.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

void held_signals_begin(sigset_t *ret_before)
{
        sigset_t all;

        (void)sigfillset(&all);
        (void)sigdelset(&all, SIGSEGV);
        (void)sigdelset(&all, SIGBUS);
        (void)sigdelset(&all, SIGABRT);
        (void)sigprocmask(SIG_BLOCK, &all, ret_before);
}

void held_signals_end(sigset_t *before)
{
        (void)sigprocmask(SIG_SETMASK, before, NULL);
}

void held_signals_drop(void)
{
        const struct timespec now = { 0 };
        sigset_t all;

        (void)sigfillset(&all);
        while (sigtimedwait(&all, NULL, &now) > 0 || errno == EINTR) {
        }
}
