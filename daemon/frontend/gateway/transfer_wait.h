/* The result of a stage of a transfer, and its wait. */
#pragma once

#include "daemon/frontend/gateway/transfer.h"

enum transfer_step {
        TRANSFER_WAITS,      /* the request waits */
        TRANSFER_GOES_ON,    /* the next stage is to be looked at */
        TRANSFER_WANTS_BODY, /* more of the request's body is to come */
        TRANSFER_ANSWERED,
        TRANSFER_BROKEN, /* no memory, or it was ended */
};

/* How long neither side may be without a byte. */
#define TRANSFER_QUIET_USEC (60 * USEC_PER_SEC)
/* Until a lane that is full takes more of a body. It says so when it is almost empty: that takes the
 * forwarder, which is the first to lose patience, two pulls of a minute each at most; or before the first
 * one a minute for a connection to be free, and one for it to be made. */
#define TRANSFER_ROOM_USEC (2 * USEC_PER_MIN + 5 * USEC_PER_SEC)

/* Another stage begins; its wait does, too. */
enum transfer_step transfer_go_to(struct transfer *transfer, enum transfer_stage stage);

/* Until when this stage waits: so long from its first look on, or as long as the daemon lasts. */
uint64_t transfer_patience(struct transfer *transfer, uint64_t usec, uint64_t now_usec);

/* The request waits; it is looked at again then at the latest. */
enum transfer_step transfer_wait(struct transfer *transfer, uint64_t until_usec);

/* Waits for room on the lane, or for the forwarder's word; the keeper is told meanwhile. Fails with
 * upstream_slow when this stage has waited so long, and with stopping where the daemon ends sooner. */
enum transfer_step transfer_wait_for_lane(struct transfer *transfer, uint64_t usec, uint64_t now_usec);
