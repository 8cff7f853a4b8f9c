/* Event sources that are off until somebody wants them: timers, and turns of the loop. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>
#include <time.h>

/* A timer of that clock, exact to the microsecond. name: for the event loop's messages. Negative errno. */
int timer_new(sd_event_source **ret, sd_event *event, clockid_t clock, sd_event_time_handler_t handler,
              void *userdata, const char *name);

/* Fires once, so long from now; in place of what it was set to before. */
void timer_start_in(sd_event_source *timer, uint64_t usec);

/* Fires once, at that moment of its clock; likewise. */
void timer_start_at(sd_event_source *timer, uint64_t moment_usec);

void timer_stop(sd_event_source *timer);

/* A turn of the loop of its own: enabled with SD_EVENT_ONESHOT, its handler is called in the loop's next
 * one. Negative errno. */
int turn_new(sd_event_source **ret, sd_event *event, sd_event_handler_t handler, void *userdata,
             const char *name);
