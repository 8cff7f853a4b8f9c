/* A carrier's insides: the part that its lanes need. */
#include "daemon/forwarder/carrier_object.h"

#include "daemon/base/timer.h"
#include "daemon/forwarder/patience.h"
#include "lib/util.h"

struct upstream *carrier_find_upstream(struct carrier *carrier, const char *environment)
{
        for (struct ring *at = ring_first(&carrier->upstreams); at;
             at = ring_after(&carrier->upstreams, at)) {
                struct upstream *upstream = container_of(at, struct upstream, place);
                if (streq(upstream->environment, environment)) {
                        return upstream;
                }
        }
        return NULL;
}

void carrier_start_ticking(struct carrier *carrier)
{
        if (!carrier->ticking) {
                carrier->ticking = true;
                timer_start_in(carrier->tick, PATIENCE_TICK_USEC);
        }
}

void carrier_start_waiting(struct carrier *carrier)
{
        struct ring *first;

        while ((first = ring_first(&carrier->waiting))) {
                struct carried_request *request = container_of(first, struct carried_request, place);
                CURL *easy = handle_pool_take(&carrier->handles);

                if (!easy) {
                        return;
                }
                ring_remove(first);
                if (carried_request_start(request, easy) < 0) {
                        carried_request_fail(request, LANE_FAIL_INTERNAL, "out of memory");
                }
        }
}
