/* The loop outlives a moment without memory.
 *
 * sd-event takes memory of its own when more descriptors are ready at once than ever before, and ends
 * sd_event_loop() when it gets none. Nothing is lost by that: it asks before it takes the events from the
 * kernel. So a turn that failed is made again, after a pause, as trying without one would only heat the
 * machine. That ends: a process without memory for seconds does better as a new one. */
#include "daemon/base/event_loop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>

enum {
        PAUSE_MSEC = 10,
        PAUSES_MAX = 500,
};

int event_loop_run(sd_event *event)
{
        int code = 0, n_pauses = 0;

        while (sd_event_get_state(event) != SD_EVENT_FINISHED) {
                int r = sd_event_run(event, UINT64_MAX);
                if (r == -ENOMEM && n_pauses < PAUSES_MAX) {
                        n_pauses++;
                        (void)poll(NULL, 0, PAUSE_MSEC);
                        continue;
                }
                if (r < 0) {
                        return r;
                }
                n_pauses = 0;
        }
        int r = sd_event_get_exit_code(event, &code);
        return r < 0 ? r : code;
}
