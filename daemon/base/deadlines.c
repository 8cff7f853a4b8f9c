/* One timer for many deadlines. */
#include "daemon/base/deadlines.h"

#include "daemon/base/clock.h"
#include "lib/util.h"

void deadlines_note(struct deadlines *deadlines, uint64_t usec)
{
        if (usec < deadlines->timer_usec) {
                deadlines->timer_usec = usec;
                (void)sd_event_source_set_time(deadlines->timer, usec);
                (void)sd_event_source_set_enabled(deadlines->timer, SD_EVENT_ONESHOT);
        }
}

void deadlines_forget(struct deadlines *deadlines)
{
        deadlines->timer_usec = USEC_NEVER;
        (void)sd_event_source_set_enabled(deadlines->timer, SD_EVENT_OFF);
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
        int r = sd_event_add_time(event, &deadlines->timer, CLOCK_BOOTTIME, USEC_NEVER, USEC_PER_MSEC,
                                  on_timer, deadlines);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(deadlines->timer, "deadlines");
        return sd_event_source_set_enabled(deadlines->timer, SD_EVENT_OFF);
}

void deadlines_clear(struct deadlines *deadlines)
{
        deadlines->timer = sd_event_source_disable_unref(deadlines->timer);
}
