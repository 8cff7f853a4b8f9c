/* The end of the HTTP side: until when each thing may last. Pure. */
#include "daemon/frontend/http/drain.h"

#include "lib/util.h"

/* Of requests that wait: their answers need a moment, too. */
#define LAST_WAIT_USEC (4 * USEC_PER_SEC)

void drain_begin(struct drain *drain, uint64_t now_usec)
{
        drain->begun = true;
        drain->wait_no_longer_usec = usec_add(now_usec, LAST_WAIT_USEC);
}

uint64_t drain_wait_until(const struct drain *drain, uint64_t until_usec)
{
        return drain->begun ? MIN_OF(until_usec, drain->wait_no_longer_usec) : until_usec;
}

uint64_t drain_transfer_until(const struct drain *drain, uint64_t until_usec, uint64_t now_usec)
{
        return drain->begun ? MIN_OF(until_usec, usec_add(now_usec, DRAIN_TRANSFER_USEC)) : until_usec;
}

uint64_t drain_quiet_until(const struct drain *drain, uint64_t since_usec, uint64_t until_usec)
{
        return drain->begun ? usec_add(since_usec, DRAIN_QUIET_USEC) : until_usec;
}
