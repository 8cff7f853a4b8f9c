/* The lanes between frontend and forwarder. */
#include "daemon/keeper/lane_pairs.h"

#include "daemon/base/channel.h"
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>
#include <sys/socket.h>

#define PAUSE_USEC (100 * USEC_PER_MSEC)

static int make_one(struct lane_pairs *lanes, uint32_t id)
{
        const struct message_lane message = { .type = MESSAGE_LANE,
                                              .id = id,
                                              .serial = lanes->last_serial + 1 };
        const int size = LANE_SEND_BUFFER;
        int pair[2];

        int r = channel_pair(pair);
        if (r < 0) {
                return r;
        }
        _cleanup_close_ int forwarders = pair[0], frontends = pair[1];
        if (setsockopt(forwarders, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0 ||
            setsockopt(frontends, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0) {
                return -errno;
        }
        lanes->serials[id] = ++lanes->last_serial;
        r = child_process_try(lanes->forwarder, &message, sizeof(message), forwarders);
        return r < 0 ? r : child_process_try(lanes->frontend, &message, sizeof(message), frontends);
}

static void make_due(struct lane_pairs *lanes)
{
        int error = 0;

        lanes->round_usec = clock_monotonic_usec();
        for (uint32_t id = 0; id < MESSAGE_LANES_MAX && error == 0; id++) {
                if (lanes->due[id]) {
                        error = make_one(lanes, id);
                        lanes->due[id] = error < 0;
                }
        }
        if (error < 0 && !lanes->said) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "a way from the frontend to the forwarder cannot be made: %s; it is tried again",
                            channel_trouble(error));
        }
        lanes->said = error < 0;
        if (error < 0) {
                timer_start_in(lanes->timer, USEC_PER_SEC);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct lane_pairs *lanes = userdata;

        if (lanes->made) {
                make_due(lanes);
        }
        return 0;
}

void lane_pairs_make(struct lane_pairs *lanes)
{
        if (lanes->made || !child_process_is_there(lanes->frontend) ||
            !child_process_is_there(lanes->forwarder)) {
                return;
        }
        lanes->made = true;
        memset(lanes->due, true, sizeof(lanes->due));
        make_due(lanes);
}

void lane_pairs_forget(struct lane_pairs *lanes)
{
        lanes->made = false;
        timer_stop(lanes->timer);
}

bool lane_pairs_is_latest(const struct lane_pairs *lanes, uint32_t id, uint64_t serial)
{
        return lanes->made && !lanes->due[id] && serial == lanes->serials[id];
}

void lane_pairs_dead(struct lane_pairs *lanes, uint32_t id, uint64_t serial)
{
        uint64_t since_usec = usec_sub(clock_monotonic_usec(), lanes->round_usec);

        if (lane_pairs_is_latest(lanes, id, serial)) {
                lanes->due[id] = true;
                timer_start_in(lanes->timer, usec_sub(PAUSE_USEC, since_usec));
        }
}

int lane_pairs_init(struct lane_pairs *lanes, sd_event *event, struct child_process *frontend,
                    struct child_process *forwarder)
{
        lanes->frontend = frontend;
        lanes->forwarder = forwarder;
        return timer_new(&lanes->timer, event, CLOCK_MONOTONIC, on_timer, lanes, "lanes");
}

void lane_pairs_clear(struct lane_pairs *lanes)
{
        lanes->timer = sd_event_source_disable_unref(lanes->timer);
}
