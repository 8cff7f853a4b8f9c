/* A request that is passed on: its life, and what it holds. */
#include "daemon/frontend/gateway/transfer.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/gateway/client_end.h"
#include "daemon/frontend/gateway/gateway_answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/util.h"

#include <stdio.h>

bool transfer_held_room(struct transfer_held *held, size_t room)
{
        if (room <= held->room && held->bytes) {
                return true;
        }
        room = MAX_OF(room, (size_t)1);
        char *bytes = realloc(held->bytes, room);
        if (!bytes) {
                return false;
        }
        held->bytes = bytes;
        held->room = room;
        return true;
}

void transfer_resume(struct transfer *transfer)
{
        request_resume(transfer->request);
}

void transfer_take_session(struct transfer *transfer, struct session *session)
{
        if (session != transfer->session) {
                (void)session_unref(transfer->session);
                transfer->session = session_ref(session);
                (void)snprintf(transfer->base_url, sizeof(transfer->base_url), "%s",
                               transfer->request->environment->view.base_url);
        }
}

void transfer_leave_lane(struct transfer *transfer)
{
        struct turns *turns = &transfer->gateway->turns;

        turns_leave(turns, &transfer->turn);
        lanes_leave(&transfer->lane, transfer->complete); /* tells of it: others have their turn */
        for (struct turn *turn; (turn = turns_next(turns));) {
                transfer_resume(container_of(turn, struct transfer, turn));
        }
}

void transfer_abort(struct transfer *transfer, enum transfer_end end)
{
        if (transfer->end == TRANSFER_DONE) {
                transfer->end = end;
        }
        client_end_forget(transfer->request->connection);
        request_resume(transfer->request);
        connection_end(transfer->request->connection);
}

void transfer_fail(struct transfer *transfer, unsigned status, const char *slug, const char *message,
                   uint32_t retry_after_sec)
{
        transfer_leave_lane(transfer);
        transfer->stage = TRANSFER_ANSWERS;
        transfer->status = status;
        transfer->slug = slug;
        transfer->gateway->counts.n_failed++;
        gateway_answer(transfer->request, status, slug, message, retry_after_sec);
}

/* ---- life ---- */

static void on_lane_ready(struct lane_user *user)
{
        struct transfer *transfer = container_of(user, struct transfer, lane);

        transfer->gateway->stirred = transfer->request->connection->loop;
        transfer_resume(transfer);
}

/* Its client has closed, at least its way to us. */
static void on_client_end(void *userdata)
{
        transfer_abort(userdata, TRANSFER_CLIENT_GONE);
}

/* Its head was on a lane. */
static bool was_sent(const struct transfer *transfer)
{
        return transfer->lane_usec > 0 || transfer->repeated;
}

static void tell_end(struct transfer *transfer)
{
        struct gateway *gateway = transfer->gateway;
        struct gateway_counts *counts = &gateway->counts;
        uint64_t now_usec = clock_now_usec();
        bool stalled = transfer->stage != TRANSFER_ANSWERS && transfer->request->stalled;
        if (stalled) {
                transfer->status = transfer->status > 0 ? transfer->status : 408;
                transfer->slug = "upload_stalled";
        }
        bool answered = stalled || transfer->stage == TRANSFER_ANSWERS;
        unsigned class = answered ? transfer->status / 100 : 0;
        struct gateway_audit_how how = { .status = answered ? transfer->status : 0,
                                         .slug = transfer->slug,
                                         .n_in = transfer->pulled,
                                         .n_out = transfer->n_out,
                                         .serial = transfer->session ? transfer->session->serial : 0,
                                         .repeated = transfer->repeated };

        if (answered && !stalled && (transfer->complete || transfer->slug)) {
                transfer->end = TRANSFER_DONE; /* the side that ended, ended afterwards */
        } else if (transfer->end == TRANSFER_DONE) {
                transfer->end = TRANSFER_CLIENT_GONE; /* libmicrohttpd has lost it, or it was too slow */
        }
        how.cut_off = transfer->end != TRANSFER_DONE;
        counts->n_by_class[class < ARRAY_SIZE(counts->n_by_class) ? class : 0]++;
        if (how.cut_off) {
                counts->n_aborted[transfer->end]++;
        }
        if (was_sent(transfer)) {
                gateway_audit_passed(gateway->audit, &transfer->what, &how, now_usec);
        } else {
                const char *why = how.status > 0                    ? transfer->slug
                                  : transfer->end == TRANSFER_ENDED ? "its right has gone"
                                                                    : "its client has gone";
                gateway_audit_refused(gateway->audit, &transfer->what, how.status, why, now_usec);
        }
}

void transfer_end(struct request *request)
{
        struct transfer *transfer = request->flow_data;
        struct gateway *gateway = transfer->gateway;

        request->flow_data = NULL;
        tell_end(transfer);
        client_end_forget(request->connection);
        waiter_cancel(&transfer->right_news);
        transfer_leave_lane(transfer);
        ring_remove(&transfer->ring);
        gateway->n_transfers--;
        gateway->n_awaited -= transfer->awaited;
        (void)session_unref(transfer->session);
        free(transfer->kept);
        free(transfer->headers);
        free(transfer->ahead);
        free(transfer->held.bytes);
        free(transfer);
        if (gateway->n_awaited == 0 && gateway->on_drained) {
                void (*on_drained)(void *) = take_ptr(gateway->on_drained);
                on_drained(gateway->drained_userdata);
        }
}

struct transfer *transfer_new(struct gateway *gateway, struct request *request)
{
        struct transfer *transfer = calloc(1, sizeof(*transfer));

        if (!transfer) {
                return NULL;
        }
        transfer->gateway = gateway;
        transfer->request = request;
        transfer->lane.on_ready = on_lane_ready;
        transfer->begun_usec = clock_now_usec();
        if (client_end_watch(gateway->poll_set, request->connection, on_client_end, transfer) < 0) {
                free(transfer);
                return NULL;
        }
        ring_add_last(&gateway->transfers, &transfer->ring);
        gateway->n_transfers++;
        request->flow = &gateway->flow;
        request->flow_data = transfer;
        return transfer;
}
