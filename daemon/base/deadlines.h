/* One timer for many deadlines, which move on far more often than they pass.
 *
 * Moving a deadline on costs nothing: the timer is only ever set earlier. When it fires, its owner looks
 * through all that have one and says which comes next. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

struct deadlines {
        sd_event_source *timer;
        uint64_t timer_usec; /* the timer's time; USEC_NEVER: it is off */
        /* Deals with all that have passed; returns the earliest of the others, or USEC_NEVER. */
        uint64_t (*look)(uint64_t now_usec, void *userdata);
        void *userdata;
};

/* Negative errno. */
int deadlines_init(struct deadlines *deadlines, sd_event *event,
                   uint64_t (*look)(uint64_t now_usec, void *userdata), void *userdata);
void deadlines_clear(struct deadlines *deadlines);

/* Somebody has a deadline then, on CLOCK_BOOTTIME. */
void deadlines_note(struct deadlines *deadlines, uint64_t usec);

/* Nobody has one any more: nothing to wake up for. */
void deadlines_forget(struct deadlines *deadlines);
