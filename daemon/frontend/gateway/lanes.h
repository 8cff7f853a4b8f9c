/* The frontend's ends of the lanes to the forwarder (lib/lane.h): which are free, whose the others are, and
 * their packets, each checked before anybody sees it. */
#pragma once

#include "daemon/frontend/gateway/poll_set.h"
#include "lib/lane.h"

#include <stdbool.h>
#include <sys/uio.h>

struct lanes;
struct lane;

struct lanes_handlers {
        void (*on_idle)(void *userdata); /* there may be a free lane now, or more lanes */
        /* It is closed: another one is wanted. broken: as the forwarder sent what makes no sense. */
        void (*on_dead)(uint32_t id, uint64_t serial, bool broken, void *userdata);
        void *userdata;
};

/* Embedded in the user of a lane, zeroed but for on_ready. */
struct lane_user {
        struct lane *lane; /* NULL: it has none */
        /* There may be something to be received, room to send, or the lane has died. */
        void (*on_ready)(struct lane_user *user);
};

/* Negative errno. */
int lanes_new(struct lanes **ret, struct poll_set *set, const struct lanes_handlers *handlers);
/* Nobody may use one any more. NULL is fine; returns NULL. */
struct lanes *lanes_free(struct lanes *lanes);

/* There is a lane of this number; it takes the place of one that was there. serial: names it among all that
 * have that number. Takes fd over. Negative errno. */
int lanes_add(struct lanes *lanes, uint32_t id, uint64_t serial, int fd);

/* How many there are. */
unsigned lanes_count(const struct lanes *lanes);

/* Gives the user a free lane, for one request. False: there is none. */
bool lanes_take(struct lanes *lanes, struct lane_user *user);

/* The number of the user's request, for its packets. */
uint64_t lane_number(const struct lane *lane);

/* Sends a packet of these parts. -EAGAIN: there is no room; on_ready is called once there may be. -EPIPE:
 * the lane is dead. */
int lane_send(struct lane *lane, const struct iovec *parts, size_t n);

/* Receives the next packet of the user's request: CONTINUE at most once, RESPONSE likewise, DATA and LAST
 * behind it only. Returns its type; *ret is valid until the next call for any lane. -EAGAIN: there is none
 * yet, or others have their turn first; on_ready is called then. -EPIPE: the lane is dead, or its request is
 * over. */
int lane_receive(struct lane *lane, const union lane_head **ret);

/* The user has done with its request. If that is not over, it is aborted, unless what is still to come of it
 * is no more than its end (complete). Harmless without a lane. */
void lanes_leave(struct lane_user *user, bool complete);
