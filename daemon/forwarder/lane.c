/* One lane of a carrier: its packets in turn, and the request that it carries.
 *
 * While libcurl pulls a request's body from the lane, nobody else reads there. A request that begins or goes
 * on has libcurl act, which may end any request, and this lane: after such a call a lane is looked for again
 * by its place. Those that begin as another one ends are left to libcurl's own turn. */
#include "daemon/forwarder/lane.h"

#include "lib/util.h"

#include <errno.h>
#include <sys/socket.h>

#define BATCH 8 /* packets of one lane in a turn */

static void watch(struct lane *lane)
{
        nested_want(&lane->end.nested, lane->request ? carried_request_wants(lane->request) : EPOLLIN);
}

static void let_go(struct lane *lane)
{
        struct carrier *carrier = lane->carrier;

        if (lane->request) {
                struct carried_request *request = take_ptr(lane->request);

                (void)carried_request_free(request);
                carrier->n_requests--;
                if (carrier->draining && carrier->n_requests == 0) {
                        (void)sd_event_source_set_enabled(carrier->empty_turn, SD_EVENT_ONESHOT);
                }
        }
}

struct lane *lane_free(struct lane *lane)
{
        if (lane) {
                let_go(lane);
                lane->carrier->lanes[lane->id] = NULL;
                nested_remove(&lane->end.nested);
                close_fd(&lane->end.fd);
                free(lane);
        }
        return NULL;
}

static void end_lane(struct lane *lane, bool broken)
{
        struct carrier *carrier = lane->carrier;
        unsigned id = lane->id;

        (void)lane_free(lane);
        if (carrier->handlers.on_lane_end) {
                carrier->handlers.on_lane_end(id, broken, carrier->handlers.userdata);
        }
}

/* After anything that may have changed what the lane waits for. The lane may be gone then. */
void lane_settle(struct lane *lane)
{
        if (lane->request && carried_request_settle(lane->request)) {
                bool broken = lane->request->broken;

                let_go(lane);
                if (broken) {
                        end_lane(lane, /* broken= */ true);
                        return;
                }
        }
        watch(lane);
}

static void on_transfer_over(struct carried_request *request, void *userdata)
{
        struct lane *lane = userdata;
        struct carrier *carrier = lane->carrier;

        handle_pool_give_back(&carrier->handles, take_ptr(request->easy));
        /* Not curl_loop_hurry(): all lanes are settled by that, and this request would be freed while the
         * functions that ended it still use it. */
        carrier_start_waiting(carrier);
}

static void on_want(void *userdata)
{
        watch(userdata);
}

static void on_stale(const struct upstream *upstream, void *userdata)
{
        struct lane *lane = userdata;
        const struct carrier_handlers *handlers = &lane->carrier->handlers;

        if (handlers->on_stale) {
                handlers->on_stale(upstream->environment, handlers->userdata);
        }
}

/* ---- packets ---- */

static void refuse(struct lane *lane, enum lane_fail fail, const char *why)
{
        struct lane_answer answer;

        lane_answer_init(&answer, &lane->end, lane->last_number);
        lane_answer_fail(&answer, fail, /* sent= */ false, why);
        if (!lane_answer_flush(&answer)) {
                /* No memory, or a frontend that reads nothing. With the lane its wait ends. */
                (void)shutdown(lane->end.fd, SHUT_RDWR);
        }
}

static int make(struct lane *lane, const struct lane_request *packet, size_t length,
                struct upstream *upstream)
{
        const struct carried_handlers handlers = { on_transfer_over, on_want, on_stale, lane };
        struct upstream *awaited = NULL;
        int r = upstream ? 0 : upstream_new_awaited(&awaited, packet->environment, packet->base_url);

        if (r == 0) {
                r = carried_request_new(&lane->request, &lane->end, packet, length,
                                        upstream ? upstream : awaited, lane->carrier->loop, &handlers);
        }
        (void)upstream_unref(awaited);
        return r;
}

/* The frontend may hear of an environment before its addresses are looked up: then the request waits. */
static void begin(struct lane *lane, const struct lane_request *packet, size_t length)
{
        struct carrier *carrier = lane->carrier;
        struct upstream *upstream = carrier_find_upstream(carrier, packet->environment);

        lane->last_number = packet->head.number;
        if (carrier->draining) {
                refuse(lane, LANE_FAIL_STOPPING, NULL);
                return;
        }
        if (upstream && !streq(packet->base_url, upstream->base_url)) {
                refuse(lane, LANE_FAIL_MOVED, NULL);
                return;
        }
        if (upstream && upstream->obstacle) {
                refuse(lane, LANE_FAIL_UNREACHABLE, upstream->obstacle);
                on_stale(upstream, lane);
                return;
        }
        if (make(lane, packet, length, upstream) < 0 || !lane->request) {
                refuse(lane, LANE_FAIL_INTERNAL, "out of memory");
                return;
        }
        carrier->n_requests++;
        ring_add_last(upstream ? &carrier->waiting : &carrier->awaiting, &lane->request->place);
        carrier_start_ticking(carrier);
        carrier_start_waiting(carrier);
        curl_loop_hurry(carrier->loop);
}

/* One packet that is not libcurl's to pull. False: it makes no sense. */
static bool take(struct lane *lane, size_t length)
{
        const struct lane_packet *packet = (const struct lane_packet *)lane->carrier->packet;
        int type = lane_check_from_frontend(packet, length);

        if (type < 0) {
                return false;
        }
        if (type == LANE_REQUEST) {
                if (lane->request || packet->number <= lane->last_number) {
                        return false;
                }
                begin(lane, (const struct lane_request *)packet, length);
                return true;
        }
        if (packet->number > lane->last_number) {
                return false;
        }
        if (!lane->request || packet->number < lane->last_number) {
                return true; /* of one that is over */
        }
        if (type == LANE_ABORT) {
                carried_request_fail(lane->request, LANE_FAIL_ABORTED, NULL);
                return true;
        }
        return carried_request_take(lane->request, packet);
}

/* May its packets be taken here? */
static bool is_open(const struct lane *lane)
{
        return !lane->request || !carried_request_reads_lane(lane->request);
}

/* False: the lane has ended, and is gone. */
static bool read_lane(struct lane *lane)
{
        struct carrier *carrier = lane->carrier;
        unsigned id = lane->id;

        for (int i = 0; i < BATCH && is_open(lane); i++) {
                ssize_t n = lane_end_receive(&lane->end, carrier->packet, LANE_PACKET_MAX, NULL, 0);
                if (n == -EAGAIN) {
                        break;
                }
                if (n == 0 || n == -EBADMSG || !take(lane, (size_t)n)) {
                        end_lane(lane, /* broken= */ n != 0);
                        explicit_bzero(carrier->packet, n > 0 ? (size_t)n : LANE_PACKET_MAX);
                        return false;
                }
                explicit_bzero(carrier->packet, (size_t)n);
                if (carrier->lanes[id] != lane) {
                        return false;
                }
                if (lane->request) {
                        break; /* most likely nothing follows, and if it does, the loop says so: the next
                                  packet may be the next request, if the frontend knows of this one's end */
                }
        }
        return true;
}

static void on_lane(struct nested *nested, uint32_t events)
{
        struct lane *lane = container_of(nested, struct lane, end.nested);
        struct carrier *carrier = lane->carrier;
        unsigned id = lane->id;

        if (events & (EPOLLHUP | EPOLLERR)) {
                end_lane(lane, /* broken= */ false);
                return;
        }
        if (lane->request) {
                carried_request_go_on(lane->request);
        }
        if (carrier->lanes[id] == lane && (!(events & EPOLLIN) || read_lane(lane))) {
                lane_settle(lane);
        }
}

int lane_new(struct lane **ret, struct carrier *carrier, unsigned id, int fd)
{
        _cleanup_close_ int owned = fd;
        struct lane *lane = calloc(1, sizeof(*lane));

        if (!lane) {
                return -ENOMEM;
        }
        lane->carrier = carrier;
        lane->id = id;
        int r = nest_add(carrier->nest, &lane->end.nested, owned, EPOLLIN, on_lane);
        if (r < 0) {
                free(lane);
                return r;
        }
        lane->end.fd = take_fd(owned);
        *ret = lane;
        return 0;
}
