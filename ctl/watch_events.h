/* Watch events: all events while the next token is waited for; one descriptor for all of it. */
#pragma once

#include "lib/util.h"

#include <signal.h>

struct watch_events {
        int fd; /* can be read when something happened */
        int signal_fd, timer_fd;
        bool stop;       /* a signal asked this process to end */
        sigset_t before; /* signals that were blocked at the start */
        bool ignored_pipe;
};

/* From here on signals only make fd readable. Negative errno. */
int watch_events_open(struct watch_events *ret);
void watch_events_close(struct watch_events *events);

/* Takes what has happened; the moment of it, of CLOCK_MONOTONIC. */
uint64_t watch_events_take(struct watch_events *events);

/* fd can be read at this moment, at the latest; USEC_NEVER: not by time. */
void watch_events_wake(struct watch_events *events, uint64_t at_usec);

/* Sleeps until fd can be read. */
void watch_events_wait(struct watch_events *events);
