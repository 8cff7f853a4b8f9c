/* The end of the HTTP side: no request that was accepted goes without its answer.
 *
 * From its beginning every answer is its connection's last one, and says so. A kept connection that is quiet
 * stays open for DRAIN_QUIET_USEC after its last answer, as its client may be about to send the next
 * request; requests that wait, wait no longer than the daemon may; and what is still to come of a request,
 * has to come soon. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Longer than a busy client takes from an answer to its next request, on a busy host; while it lasts, new
 * clients wait at the door for the next process. */
#define DRAIN_QUIET_USEC (500 * USEC_PER_MSEC)
/* Time allowed to finish a partly received request, and an answer that is not read. Without this bound
 * anybody could make each restart last as long as it may, by sending or reading slowly. */
#define DRAIN_TRANSFER_USEC (1 * USEC_PER_SEC)
/* In all. */
#define DRAIN_LIMIT_USEC (5 * USEC_PER_SEC)

/* Zeroed: not begun. */
struct drain {
        bool begun;
        uint64_t wait_no_longer_usec; /* of requests; once it has begun */
};

void drain_begin(struct drain *drain, uint64_t now_usec);

/* How long a request may wait that wants to wait until then. */
uint64_t drain_wait_until(const struct drain *drain, uint64_t until_usec);

/* How long a request or an answer may be on its way that else had until then. */
uint64_t drain_transfer_until(const struct drain *drain, uint64_t until_usec, uint64_t now_usec);

/* How long a connection may be quiet, since then, that else had until then. */
uint64_t drain_quiet_until(const struct drain *drain, uint64_t since_usec, uint64_t until_usec);
