/* One timer for many deadlines. */
#include "daemon/base/deadlines.h"

#include "daemon/base/clock.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

void deadlines_note(struct deadlines *deadlines, uint64_t usec)
{
        if (usec < deadlines->timer_usec) {
                deadlines->timer_usec = usec;
                timer_start_at(deadlines->timer, usec);
        }
}

void deadlines_forget(struct deadlines *deadlines)
{
        deadlines->timer_usec = USEC_NEVER;
        timer_stop(deadlines->timer);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct deadlines *deadlines = userdata;

        deadlines->timer_usec = USEC_NEVER;
        deadlines_note(deadlines, deadlines->look(clock_now_usec(), deadlines->userdata));
        return 0;
}

int deadlines_init(struct deadlines *deadlines, sd_event *event,
                   uint64_t (*look)(uint64_t now_usec, void *userdata), void *userdata)
{
        *deadlines = (struct deadlines){ .timer_usec = USEC_NEVER, .look = look, .userdata = userdata };
        int r = timer_new(&deadlines->timer, event, CLOCK_BOOTTIME, on_timer, deadlines, "deadlines");
        return r < 0 ? r : sd_event_source_set_time_accuracy(deadlines->timer, USEC_PER_MSEC);
}

void deadlines_clear(struct deadlines *deadlines)
{
        deadlines->timer = sd_event_source_disable_unref(deadlines->timer);
}
