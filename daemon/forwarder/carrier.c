/* The carrier of requests: the lanes, the upstreams in force, and the time that goes by.
 *
 * A lane carries one request at a time. A request that finds all connections in use waits in a row with the
 * others; as each lane has one at most, that is fair between them. */
#include "daemon/forwarder/carrier.h"

#include "daemon/base/timer.h"
#include "daemon/forwarder/lane.h"
#include "daemon/forwarder/patience.h"
#include "lib/lane.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>

/* The same, where the lane may be gone already. */
static void settle_at(struct carrier *carrier, unsigned id, struct lane *lane)
{
        if (carrier->lanes[id] == lane) {
                lane_settle(lane);
        }
}

/* libcurl has acted. */
static void on_acted(void *userdata)
{
        struct carrier *carrier = userdata;
        size_t n = carrier->n_requests; /* none is begun by this */

        for (unsigned i = 0; i < LANES_MAX && n > 0; i++) {
                if (carrier->lanes[i] && carrier->lanes[i]->request) {
                        n--;
                        lane_settle(carrier->lanes[i]);
                }
        }
}

/* ---- time ---- */

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct carrier *carrier = userdata;

        carrier->ticking = false;
        for (unsigned i = 0; i < LANES_MAX; i++) {
                struct lane *lane = carrier->lanes[i];
                if (lane && lane->request) {
                        patience_tick(lane->request);
                        settle_at(carrier, i, lane);
                }
        }
        if (carrier->n_requests > 0) {
                carrier_start_ticking(carrier);
        }
        if (!ring_is_empty(&carrier->waiting)) { /* maybe for want of memory alone */
                carrier_start_waiting(carrier);
                curl_loop_hurry(carrier->loop);
        }
        return 0;
}

static int on_empty_turn(sd_event_source *source, void *userdata)
{
        struct carrier *carrier = userdata;
        void (*on_empty)(void *) = take_ptr(carrier->on_empty);

        if (on_empty) {
                on_empty(carrier->empty_userdata);
        }
        return 0;
}

int carrier_drain(struct carrier *carrier, void (*on_empty)(void *userdata), void *userdata)
{
        int r = turn_new(&carrier->empty_turn, sd_event_source_get_event(carrier->tick), on_empty_turn,
                         carrier, "carrier is empty");

        if (r < 0) {
                return r;
        }
        carrier->draining = true;
        carrier->on_empty = on_empty;
        carrier->empty_userdata = userdata;
        for (unsigned i = 0; i < LANES_MAX; i++) {
                struct lane *lane = carrier->lanes[i];
                if (lane && lane->request && !lane->request->easy && !lane->request->ended) {
                        carried_request_fail(lane->request, LANE_FAIL_STOPPING, NULL);
                        settle_at(carrier, i, lane);
                }
        }
        if (carrier->n_requests == 0) {
                (void)sd_event_source_set_enabled(carrier->empty_turn, SD_EVENT_ONESHOT);
        }
        return 0;
}

size_t carrier_n_requests(const struct carrier *carrier)
{
        return carrier->n_requests;
}

/* ---- what is known ---- */

static void drop_upstream(struct upstream *upstream)
{
        if (upstream) {
                ring_remove(&upstream->place);
                (void)upstream_unref(upstream);
        }
}

/* The word that a request has waited for is here. One that waits for a connection goes by it as well. */
static void come(struct carrier *carrier, struct carried_request *request, struct upstream *upstream)
{
        bool awaited = request->upstream->awaited;

        if (!streq(request->upstream->base_url, upstream->base_url)) {
                carried_request_fail(request, LANE_FAIL_MOVED, NULL);
                return;
        }
        (void)upstream_unref(request->upstream);
        request->upstream = upstream_ref(upstream);
        if (upstream->obstacle) {
                carried_request_fail(request, LANE_FAIL_UNREACHABLE, upstream->obstacle);
        } else if (awaited) {
                ring_remove(&request->place);
                ring_add_last(&carrier->waiting, &request->place);
        }
}

static void come_all(struct carrier *carrier, struct upstream *upstream)
{
        for (unsigned i = 0; i < LANES_MAX; i++) {
                struct lane *lane = carrier->lanes[i];
                struct carried_request *request = lane ? lane->request : NULL;
                if (request && !request->ended && !request->easy &&
                    streq(request->upstream->environment, upstream->environment)) {
                        come(carrier, request, upstream);
                        settle_at(carrier, i, lane);
                }
        }
        carrier_start_waiting(carrier);
        curl_loop_hurry(carrier->loop);
}

int carrier_set_upstream(struct carrier *carrier, const struct carrier_upstream *told)
{
        struct upstream *upstream;

        int r = upstream_new(&upstream, told, &carrier->authorities);
        if (r < 0) {
                return r;
        }
        struct upstream *before = carrier_find_upstream(carrier, upstream->environment);
        if (before) {
                before->overtaken = !upstream_trusts_alike(before, upstream);
        }
        drop_upstream(before);
        ring_add_last(&carrier->upstreams, &upstream->place);
        if (!ring_is_empty(&carrier->awaiting) || !ring_is_empty(&carrier->waiting)) {
                come_all(carrier, upstream);
        }
        return 0;
}

void carrier_forget_upstream(struct carrier *carrier, const char *environment)
{
        drop_upstream(carrier_find_upstream(carrier, environment));
        for (unsigned i = 0; i < LANES_MAX; i++) {
                struct lane *lane = carrier->lanes[i];
                if (lane && lane->request && !lane->request->ended &&
                    streq(lane->request->upstream->environment, environment)) {
                        carried_request_fail(lane->request, LANE_FAIL_UNKNOWN, "the environment is no more");
                        settle_at(carrier, i, lane);
                }
        }
}

int carrier_add_lane(struct carrier *carrier, unsigned id, int fd)
{
        _cleanup_close_ int owned = fd;

        if (id >= LANES_MAX) {
                return -EINVAL;
        }
        struct lane *lane;
        int r = lane_new(&lane, carrier, id, take_fd(owned));
        if (r < 0) {
                return r;
        }
        (void)lane_free(carrier->lanes[id]);
        carrier->lanes[id] = lane;
        return 0;
}

/* ---- life ---- */

static void free_carrier(struct carrier **carrier)
{
        *carrier = carrier_free(*carrier);
}

int carrier_new(struct carrier **ret, sd_event *event, const struct carrier_handlers *handlers)
{
        _cleanup_(free_carrier) struct carrier *carrier = calloc(1, sizeof(*carrier));

        if (!carrier) {
                return -ENOMEM;
        }
        carrier->handlers = *handlers;
        ring_init(&carrier->upstreams);
        ring_init(&carrier->authorities);
        ring_init(&carrier->waiting);
        ring_init(&carrier->awaiting);
        carrier->packet = secret_alloc(LANE_PACKET_MAX);
        if (!carrier->packet) {
                return -ENOMEM;
        }
        int r = handle_pool_init(&carrier->handles, CARRIER_CONNECTIONS_MAX);
        if (r < 0) {
                return r;
        }
        r = curl_loop_new(&carrier->loop, event);
        if (r < 0) {
                return r;
        }
        curl_loop_set_after(carrier->loop, on_acted, carrier);
        r = curl_loop_limit(carrier->loop, CARRIER_CONNECTIONS_MAX);
        if (r < 0) {
                return r;
        }
        r = nest_new(&carrier->nest, event, "lanes");
        if (r < 0) {
                return r;
        }
        r = timer_new(&carrier->tick, event, CLOCK_MONOTONIC, on_tick, carrier, "requests under way");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(carrier);
        return 0;
}

struct carrier *carrier_free(struct carrier *carrier)
{
        if (!carrier) {
                return NULL;
        }
        for (unsigned i = 0; i < LANES_MAX; i++) {
                if (carrier->lanes[i] && carrier->lanes[i]->request) {
                        ring_remove(&carrier->lanes[i]->request->place); /* none is started any more */
                }
        }
        for (unsigned i = 0; i < LANES_MAX; i++) {
                (void)lane_free(carrier->lanes[i]);
        }
        handle_pool_clear(&carrier->handles);
        while (!ring_is_empty(&carrier->upstreams)) {
                drop_upstream(container_of(ring_first(&carrier->upstreams), struct upstream, place));
        }
        carrier->nest = nest_free(carrier->nest);
        carrier->loop = curl_loop_free(carrier->loop);
        sd_event_source_disable_unref(carrier->tick);
        sd_event_source_disable_unref(carrier->empty_turn);
        (void)secret_free(carrier->packet);
        free(carrier);
        return NULL;
}
