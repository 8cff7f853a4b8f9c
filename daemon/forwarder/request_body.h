/* A request's body that comes over the lane, piece by piece. */
#pragma once

#include "daemon/forwarder/lane_end.h"
#include "lib/lane.h"

struct request_body {
        bool streams; /* it comes by DATA; else it was whole at once, or there is none */
        int64_t left; /* bytes to come; -1: not known */
        bool taken;   /* all of it */
        bool ended;   /* its end was told */
        bool dropped; /* no more of it is wanted */
        bool pulled;  /* libcurl has asked for some of it */
        bool awaited; /* now: libcurl waits for more */

        /* its own: data that libcurl had no room for */
        unsigned char *kept;
        size_t kept_at, kept_end;
};

void request_body_init(struct request_body *body, const struct lane_request *packet);

void request_body_clear(struct request_body *body);

/* May nothing but request_body_receive() read from the lane? */
bool request_body_has_lane(const struct request_body *body);

/* More of the body of this request, out of the lane and into the buffer: as many packets as are there, up to
 * 32, if there is room for the largest each time. Returns how much; 0: all of it is there; -EAGAIN: there is
 * none now, or the lane is still to be read; -ECANCELED: ABORT came; -EBADMSG: the packet makes no sense;
 * -ENOMEM. */
ssize_t request_body_receive(struct request_body *body, const struct lane_end *end, uint64_t number,
                             void *buffer, size_t size);

/* DATA or END that came when the body was not received. False: it makes no sense. */
bool request_body_late(struct request_body *body, const struct lane_packet *packet);
