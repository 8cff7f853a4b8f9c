/* The lanes between frontend and forwarder: pairs of sockets, of which each gets one end, see lib/lane.h.
 * When either is new, all are made anew; one that the frontend calls dead is made anew alone. */
#pragma once

#include "daemon/keeper/child_process.h"

struct lane_pairs {
        struct child_process *frontend, *forwarder; /* not ours */
        sd_event_source *timer;                     /* those that are due are made then */
        bool due[MESSAGE_LANES_MAX];
        uint64_t serials[MESSAGE_LANES_MAX]; /* of the latest pairs */
        uint64_t last_serial;
        bool made;           /* the two that are there have them */
        bool said;           /* that one cannot be made; once, until all are */
        uint64_t round_usec; /* CLOCK_MONOTONIC: when some were made last */
};

/* Negative errno. */
int lane_pairs_init(struct lane_pairs *lanes, sd_event *event, struct child_process *frontend,
                    struct child_process *forwarder);
void lane_pairs_clear(struct lane_pairs *lanes);

/* One of the two is new: the older lanes are of no use any more. */
void lane_pairs_forget(struct lane_pairs *lanes);

/* Makes all, if both are there and have none yet. */
void lane_pairs_make(struct lane_pairs *lanes);

/* Is this the serial of the pair that the two have? */
bool lane_pairs_is_latest(const struct lane_pairs *lanes, uint32_t id, uint64_t serial);

/* The frontend calls the pair with this serial dead. Rounds of new ones are a tenth of a second apart,
 * whatever it says. */
void lane_pairs_dead(struct lane_pairs *lanes, uint32_t id, uint64_t serial);
