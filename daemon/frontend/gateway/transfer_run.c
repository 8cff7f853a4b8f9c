/* The stages of a transfer.
 *
 * Each is looked at whenever something may have come. A stage waits (request_wait() was called), answers, is
 * done with (the next one is looked at), or wants more of the body. */
#include "daemon/frontend/gateway/transfer_run.h"

#include "daemon/frontend/gateway/transfer_answer.h"
#include "daemon/frontend/gateway/transfer_lane.h"
#include "daemon/frontend/gateway/transfer_refused.h"
#include "daemon/frontend/gateway/transfer_send.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/util.h"

#include <stdio.h>

#define TURN_USEC (60 * USEC_PER_SEC)

/* ---- before the lane ---- */

static enum transfer_step say_no_token(struct transfer *transfer, uint64_t now_usec)
{
        const struct known_environment *environment = transfer->request->environment;
        uint64_t next = refresh_next_usec(&environment->view.refresh);
        char why[ENVIRONMENT_WHY_MAX], message[ENVIRONMENT_WHY_MAX + 64];

        if (environment_view_busy(&environment->view) || transfer->request->cut_short) {
                next = now_usec;
        }
        (void)snprintf(message, sizeof(message), "%s: %s", environment->view.name,
                       known_why(transfer->gateway->known, environment, now_usec, why));
        transfer_fail(transfer, 503, "no_token", message, answer_retry_after(next, now_usec));
        return TRANSFER_ANSWERED;
}

/* As the token endpoint does for unchanged clients. */
static enum transfer_step look_for_token(struct transfer *transfer, uint64_t now_usec)
{
        struct request *request = transfer->request;
        const struct known_environment *environment = request->environment;
        struct session *session = known_session(environment, now_usec);

        if (session) {
                transfer_take_session(transfer, session);
                return transfer_go_to(transfer, TRANSFER_TURN);
        }
        const struct refresh *refresh = &environment->view.refresh;
        uint64_t until_usec = transfer_patience(transfer, environment->view.exchange_timeout_usec, now_usec);
        if (!known_configured(environment) || now_usec >= until_usec ||
            !(environment_view_busy(&request->environment->view) ||
              refresh_next_usec(refresh) <= until_usec)) {
                return say_no_token(transfer, now_usec);
        }
        waiters_add(&request->environment->waiters, &request->waiter);
        return transfer_wait(transfer, until_usec);
}

static enum transfer_step say_busy(struct transfer *transfer)
{
        const struct gateway *gateway = transfer->gateway;
        bool none = lanes_count(gateway->lanes) == 0;

        transfer_fail(
                transfer, 503, "gateway_busy",
                none ? "the part of the broker that carries requests to the upstream is not there: see "
                       "its log, and try again"
                     : "too many requests are on their way to the upstream, in all or of this user and "
                       "local key: send fewer at a time, or try again",
                /* retry_after_sec= */ 5);
        return TRANSFER_ANSWERED;
}

static enum transfer_step look_for_turn(struct transfer *transfer, uint64_t now_usec)
{
        struct turn *turn = &transfer->turn;
        struct turns *turns = &transfer->gateway->turns;
        uint64_t until_usec = transfer_patience(transfer, TURN_USEC, now_usec);

        if (!turn->owner && turns_enter(turns, turn, transfer->what.uid, transfer->what.local) < 0) {
                return TRANSFER_BROKEN;
        }
        /* A lane may be busy with the end of a request that was aborted, and one with a turn wait for it. */
        if (turn->has && lanes_take(transfer->gateway->lanes, &transfer->lane)) {
                return transfer_go_to(transfer, TRANSFER_SENDS);
        }
        return now_usec >= until_usec ? say_busy(transfer) : transfer_wait(transfer, until_usec);
}

/* ---- all stages ---- */

static enum transfer_step step(struct transfer *transfer, uint64_t now_usec)
{
        switch (transfer->stage) {
        case TRANSFER_COLLECTS:
                return TRANSFER_WANTS_BODY;
        case TRANSFER_TOKEN:
                return look_for_token(transfer, now_usec);
        case TRANSFER_TURN:
                return look_for_turn(transfer, now_usec);
        case TRANSFER_SENDS:
                return transfer_send(transfer, now_usec);
        case TRANSFER_AWAITS:
                return transfer_await(transfer, now_usec);
        case TRANSFER_HOLDS:
                return transfer_hold(transfer, now_usec);
        case TRANSFER_REPORTS:
                return transfer_refused_look(transfer, now_usec);
        case TRANSFER_AHEAD:
                return transfer_answer(transfer, now_usec);
        default:
                return TRANSFER_BROKEN;
        }
}

static enum transfer_step run(struct transfer *transfer, uint64_t now_usec)
{
        enum transfer_step next;

        if (!transfer->request->environment) {
                transfer_abort(transfer, TRANSFER_ENDED); /* it is not configured any more */
                return TRANSFER_BROKEN;
        }
        do {
                next = step(transfer, now_usec);
        } while (next == TRANSFER_GOES_ON);
        if (next == TRANSFER_BROKEN) {
                request_answer(transfer->request, 500, NULL); /* no memory: the connection ends */
        }
        return next;
}

void transfer_run(struct transfer *transfer, uint64_t now_usec)
{
        struct request *request = transfer->request;

        if (request->phase == REQUEST_ENDED && !transfer->body_ended) {
                transfer->body_ended = true;
                if (transfer->stage == TRANSFER_COLLECTS) {
                        transfer->announced = (int64_t)transfer->pulled;
                        transfer->stage = TRANSFER_TOKEN;
                }
        }
        (void)run(transfer, now_usec);
}

/* ---- the body ---- */

static bool keep(struct transfer *transfer, const char *data, size_t size)
{
        char *kept = realloc(transfer->kept, transfer->kept_length + size);

        if (!kept) {
                return false;
        }
        memcpy(kept + transfer->kept_length, data, size);
        transfer->kept = kept;
        transfer->kept_length += size;
        transfer->pulled += size;
        transfer->gateway->counts.n_in += size;
        return true;
}

/* Was it sent? If not, it waits, or is lost. */
static bool is_sent(struct transfer *transfer, int r, uint64_t now_usec)
{
        if (r == -EAGAIN) {
                (void)transfer_wait_for_lane(transfer, TRANSFER_ROOM_USEC, now_usec);
        } else if (r < 0) {
                (void)transfer_lost(transfer);
        }
        return r >= 0;
}

static size_t send_piece(struct transfer *transfer, const char *data, size_t size, uint64_t now_usec)
{
        size_t taken = 0;

        /* If the answer came before the body was to be sent, what is kept of it has not been sent yet. */
        if (!is_sent(transfer, transfer_send_kept(transfer), now_usec)) {
                return 0;
        }
        while (taken < size) {
                int n = transfer_send_piece(transfer, data + taken, size - taken);
                if (!is_sent(transfer, n, now_usec)) {
                        return taken;
                }
                taken += (size_t)n;
                transfer->pulled += (size_t)n;
                transfer->gateway->counts.n_in += (uint64_t)n;
        }
        if (transfer->kept) { /* it is not all that was taken any more: nothing is sent again */
                free(take_ptr(transfer->kept));
                transfer->kept_length = 0;
        }
        return taken;
}

size_t transfer_take_piece(struct request *request, const char *data, size_t size, uint64_t now_usec)
{
        struct transfer *transfer = request->flow_data;

        if (transfer->drops) {
                return size;
        }
        if (transfer->pulled + size > transfer->body_max) {
                transfer_fail(
                        transfer, 413, "body_too_large",
                        "the body is larger than may be passed on: see 'body_max =' of the gateway in the "
                        "configuration",
                        ANSWER_NO_RETRY);
                return 0;
        }
        if (transfer->stage == TRANSFER_COLLECTS) {
                if (transfer->kept_length + size <= TRANSFER_KEPT_MAX) {
                        if (!keep(transfer, data, size)) {
                                request_answer(transfer->request, 500, NULL);
                                return 0;
                        }
                        return size;
                }
                (void)transfer_go_to(transfer,
                                     TRANSFER_TOKEN); /* more than is kept: it is passed on as it comes */
        }
        bool answered = transfer->status > 0 && transfer->stage == TRANSFER_SENDS;
        if (!answered && run(transfer, now_usec) != TRANSFER_WANTS_BODY) {
                return 0;
        }
        return transfer->drops ? size : send_piece(transfer, data, size, now_usec);
}
