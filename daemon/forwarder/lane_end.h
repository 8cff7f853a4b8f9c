/* The forwarder's end of a lane: packets in and out of its socket. */
#pragma once

#include "daemon/base/nest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct lane_end {
        int fd;
        struct nested nested;
};

/* One packet of these parts. 1: sent. 0: there is no room now. -EPIPE: the other end is gone. */
int lane_end_send(const struct lane_end *end, const struct iovec *parts, size_t n);

/* One packet, its first head_size bytes into head and what is more into rest. Returns its length; 0: the
 * other end is gone; -EAGAIN: there is none now; -EBADMSG: it was longer than that. */
ssize_t lane_end_receive(const struct lane_end *end, void *head, size_t head_size, void *rest,
                         size_t rest_size);

/* Does ABORT of this request wait among what was not received yet? Nothing is taken. */
bool lane_end_find_abort(const struct lane_end *end, uint64_t number);
