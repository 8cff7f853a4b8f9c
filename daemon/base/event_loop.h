/* Runs the event loop to its end, over moments in which there is no memory. */
#pragma once

#include <systemd/sd-event.h>

/* Like sd_event_loop(): returns the code that was given to sd_event_exit(), or a negative errno. -ENOMEM
 * comes only if there was none for five seconds on end. */
int event_loop_run(sd_event *event);
