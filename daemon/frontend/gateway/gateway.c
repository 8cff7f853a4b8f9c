/* The gateway. */
#include "daemon/frontend/gateway/gateway.h"

#include "daemon/base/timer.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/gateway/gateway_answer.h"
#include "daemon/frontend/gateway/gateway_judge.h"
#include "daemon/frontend/gateway/gateway_metrics.h"
#include "daemon/frontend/gateway/transfer_right.h"
#include "daemon/frontend/gateway/transfer_run.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/mhd_loop.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>

/* ---- requests ---- */

/* Is the caller not to see the token? One that could ask for it may. */
static bool is_to_be_covered(const struct request *request)
{
        const struct carried_key *carried = &request->carried;
        const struct caller *caller = &request->connection->caller;

        return carried->kind == CARRIED_LOCAL
                       ? !carried->key->real
                       : !(caller->may_use & (UINT32_C(1) << request->environment_index));
}

static struct transfer *begin(struct gateway *gateway, struct request *request,
                              const struct gateway_judgement *judgement)
{
        struct transfer *transfer = transfer_new(gateway, request);

        if (!transfer) {
                return NULL;
        }
        transfer->what = judgement->what;
        transfer->target = judgement->target;
        transfer->generation = gateway->known->generation;
        memcpy(transfer->account, request->environment->view.account, sizeof(transfer->account));
        transfer->covers = is_to_be_covered(request);
        transfer->is_head = request->method == METHOD_HEAD;
        transfer->body_max = judgement->rules->gateway_body_max;
        transfer->answer_timeout_usec = judgement->rules->gateway_answer_timeout_usec;
        transfer->announced = request_announced(request);
        transfer_right_begin(transfer);
        if (transfer->announced > TRANSFER_KEPT_MAX) {
                transfer->stage =
                        TRANSFER_TOKEN; /* too large to be collected: it is passed on as it comes */
        }
        return transfer;
}

/* Its own account of its body. False: answered. */
static bool check_body(struct gateway *gateway, struct request *request,
                       const struct gateway_judgement *judgement, uint64_t now_usec)
{
        int64_t announced = request_announced(request);

        if (announced > 0 && (uint64_t)announced > judgement->rules->gateway_body_max) {
                gateway_audit_refused(gateway->audit, &judgement->what, 413, "body_too_large", now_usec);
                gateway_answer(
                        request, 413, "body_too_large",
                        "the body is larger than may be passed on: see 'body_max =' of the gateway in "
                        "the configuration",
                        ANSWER_NO_RETRY);
        } else if (gateway->draining && (announced > TRANSFER_KEPT_MAX || announced < 0)) {
                gateway_audit_refused(gateway->audit, &judgement->what, 503, "stopping", now_usec);
                gateway_answer(request, 503, "stopping", "the daemon is stopping: send it again",
                               /* retry_after_sec= */ 1);
        } else {
                return true;
        }
        gateway->counts.n_refused++;
        return false;
}

static void on_request(struct request *request, uint64_t now_usec, void *userdata)
{
        struct gateway *gateway = userdata;
        struct transfer *transfer = transfer_of(request);

        if (!transfer) {
                struct gateway_judgement judgement;
                if (!gateway_judge(gateway, request, now_usec, &judgement) ||
                    !check_body(gateway, request, &judgement, now_usec)) {
                        return;
                }
                request->cut_short = false;
                transfer = begin(gateway, request, &judgement);
                if (!transfer) {
                        request_answer(request, 500, NULL); /* no memory: the connection ends */
                        return;
                }
        }
        transfer_run(transfer, now_usec);
}

bool gateway_is_early(const struct request *request, void *userdata)
{
        const struct api *api = userdata;
        struct route_match match;

        return request->as_upstream && api->known->settings &&
               (!request->target_too_long || request->long_target) &&
               route_find(request_target(request), &match) == 0 && match.route->id == ROUTE_UPSTREAM &&
               api_passes_on(api, match.environment);
}

/* ---- lanes ---- */

static void on_idle_lane(void *userdata)
{
        struct gateway *gateway = userdata;
        struct ring *all = &gateway->transfers;

        gateway->turns.max = lanes_count(gateway->lanes);
        for (struct turn *turn; (turn = turns_next(&gateway->turns));) {
                transfer_resume(container_of(turn, struct transfer, turn));
        }
        for (struct ring *at = ring_first(all); at; at = ring_after(all, at)) {
                struct transfer *transfer = container_of(at, struct transfer, ring);
                if (transfer->stage == TRANSFER_TURN && transfer->turn.has) {
                        transfer_resume(transfer);
                }
        }
}

/* Lanes had news for connections: libmicrohttpd goes on with them at once, and not in a turn of its own. */
static void after_lanes(void *userdata)
{
        struct gateway *gateway = userdata;
        struct mhd_loop *loop = take_ptr(gateway->stirred);

        if (loop) {
                mhd_loop_take_turn(loop);
        }
}

static void on_dead_lane(uint32_t id, uint64_t serial, bool broken, void *userdata)
{
        struct gateway *gateway = userdata;

        gateway->turns.max = lanes_count(gateway->lanes);
        gateway->known->sides->ask->lane_dead(gateway->known->sides->keeper, id, serial, broken);
}

void gateway_add_lane(struct gateway *gateway, uint32_t id, uint64_t serial, int fd)
{
        if (lanes_add(gateway->lanes, id, serial, fd) < 0) {
                gateway->known->sides->ask->lane_dead(gateway->known->sides->keeper, id, serial,
                                                      /* broken= */ false);
        }
}

/* ---- settings ---- */

void gateway_take_settings(struct gateway *gateway)
{
        struct ring *all = &gateway->transfers;

        for (struct ring *at = ring_first(all); at; at = ring_after(all, at)) {
                struct transfer *transfer = container_of(at, struct transfer, ring);
                struct request *request = transfer->request;
                int index = known_find(gateway->known, transfer->what.environment);

                request->environment = index < 0 ? NULL : gateway->known->environments[index];
                request->environment_index = (size_t)MAX_OF(index, 0);
                request->carried = (struct carried_key){ .kind = CARRIED_NOTHING };
                transfer_right_look(transfer);
        }
}

/* ---- the end ---- */

static void tell_drained(struct gateway *gateway)
{
        void (*on_drained)(void *) = take_ptr(gateway->on_drained);

        if (on_drained) {
                on_drained(gateway->drained_userdata);
        }
}

static int on_drain_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
        tell_drained(userdata);
        return 0;
}

void gateway_drain(struct gateway *gateway, uint64_t limit_usec, void (*done)(void *userdata),
                   void *userdata)
{
        struct ring *all = &gateway->transfers;

        gateway->draining = true;
        gateway->on_drained = done;
        gateway->drained_userdata = userdata;
        /* Those that begin from now on are short, and do not prolong it. */
        for (struct ring *at = ring_first(all); at; at = ring_after(all, at)) {
                container_of(at, struct transfer, ring)->awaited = true;
        }
        gateway->n_awaited = gateway->n_transfers;
        if (gateway->n_awaited == 0) {
                tell_drained(gateway);
        } else {
                timer_start_in(gateway->drain_limit, limit_usec);
        }
}

/* ---- life ---- */

static void free_gateway(struct gateway **gateway)
{
        *gateway = gateway_free(*gateway);
}

static int build(struct gateway *gateway, sd_event *event)
{
        const struct lanes_handlers handlers = { on_idle_lane, on_dead_lane, gateway };

        int r = poll_set_new(&gateway->poll_set, event);
        if (r < 0) {
                return r;
        }
        poll_set_after(gateway->poll_set, after_lanes, gateway);
        r = lanes_new(&gateway->lanes, gateway->poll_set, &handlers);
        if (r < 0) {
                return r;
        }
        r = gateway_audit_new(&gateway->audit, event);
        if (r < 0) {
                return r;
        }
        r = timer_new(&gateway->right_limit, event, CLOCK_MONOTONIC, transfer_right_on_limit, gateway,
                      "gateway rights");
        if (r < 0) {
                return r;
        }
        return timer_new(&gateway->drain_limit, event, CLOCK_MONOTONIC, on_drain_limit, gateway,
                         "gateway drain");
}

int gateway_new(struct gateway **ret, sd_event *event, struct api *api)
{
        _cleanup_(free_gateway) struct gateway *gateway = calloc(1, sizeof(*gateway));

        if (!gateway) {
                return -ENOMEM;
        }
        gateway->api = api;
        gateway->known = api->known;
        gateway->flow = (struct request_flow){ transfer_take_piece, transfer_end };
        turns_init(&gateway->turns);
        ring_init(&gateway->transfers);
        gateway->packet = secret_alloc(LANE_PACKET_MAX);
        if (!gateway->packet) {
                return -ENOMEM;
        }
        int r = build(gateway, event);
        if (r < 0) {
                return r;
        }
        api->passer = (struct api_passer){ on_request, gateway_write_metrics, gateway };
        *ret = take_ptr(gateway);
        return 0;
}

struct gateway *gateway_free(struct gateway *gateway)
{
        if (gateway) {
                gateway->drain_limit = sd_event_source_disable_unref(gateway->drain_limit);
                gateway->right_limit = sd_event_source_disable_unref(gateway->right_limit);
                gateway->lanes = lanes_free(gateway->lanes);
                gateway->audit = gateway_audit_free(gateway->audit);
                gateway->poll_set = poll_set_free(gateway->poll_set);
                gateway->packet = secret_free(gateway->packet);
                free(gateway);
        }
        return NULL;
}
