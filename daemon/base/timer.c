/* Event sources that are off until somebody wants them. sd-event makes them switched on. */
#include "daemon/base/timer.h"

#include "lib/util.h"

static int switch_off(sd_event_source *source, const char *name)
{
        (void)sd_event_source_set_description(source, name); /* nothing depends on it */
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int timer_new(sd_event_source **ret, sd_event *event, clockid_t clock, sd_event_time_handler_t handler,
              void *userdata, const char *name)
{
        _cleanup_(sd_event_source_disable_unrefp) sd_event_source *timer = NULL;

        int r = sd_event_add_time(event, &timer, clock, USEC_NEVER, 1, handler, userdata);
        if (r < 0) {
                return r;
        }
        r = switch_off(timer, name);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(timer);
        return 0;
}

void timer_start_in(sd_event_source *timer, uint64_t usec)
{
        (void)sd_event_source_set_time_relative(timer, usec);
        (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void timer_start_at(sd_event_source *timer, uint64_t moment_usec)
{
        (void)sd_event_source_set_time(timer, moment_usec);
        (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void timer_stop(sd_event_source *timer)
{
        (void)sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

int turn_new(sd_event_source **ret, sd_event *event, sd_event_handler_t handler, void *userdata,
             const char *name)
{
        _cleanup_(sd_event_source_disable_unrefp) sd_event_source *turn = NULL;

        int r = sd_event_add_defer(event, &turn, handler, userdata);
        if (r < 0) {
                return r;
        }
        r = switch_off(turn, name);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(turn);
        return 0;
}
