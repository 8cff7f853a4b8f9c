/* The stages of a transfer that has a lane. */
#include "daemon/frontend/gateway/transfer_lane.h"

#include "daemon/frontend/gateway/gateway_judge.h"
#include "daemon/frontend/gateway/transfer_answer.h"
#include "daemon/frontend/gateway/transfer_refused.h"
#include "daemon/frontend/gateway/transfer_send.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "lib/util.h"

#include <stdio.h>

/* The forwarder is the first to lose patience. Before the time for an answer begins it waits, a minute each
 * at most, for a connection to be free and for one to be made; and the keeper ends it if it hangs. */
#define SPARE_USEC (2 * USEC_PER_MIN + 2 * USEC_PER_SEC)

enum transfer_step transfer_lost(struct transfer *transfer)
{
        transfer_fail(
                transfer, 502, "upstream_lost",
                "the connection to the upstream ended before there was an answer: the request may have "
                "been carried out",
                ANSWER_NO_RETRY);
        return TRANSFER_ANSWERED;
}

static enum transfer_step say_failed(struct transfer *transfer, const struct lane_failure *failure)
{
        static const struct {
                unsigned status;
                const char *slug, *message;
        } words[_LANE_FAIL_COUNT] = {
                [LANE_FAIL_UNREACHABLE] = { 502, "upstream_unreachable", "the upstream cannot be reached" },
                [LANE_FAIL_MALFORMED] = { 502, "upstream_malformed",
                                          "the upstream's answer is none that can be passed on" },
                [LANE_FAIL_LOST] = { 502, "upstream_lost", "the upstream ended the connection" },
                [LANE_FAIL_SLOW] = { 504, "upstream_slow", "the upstream did not answer in time" },
                [LANE_FAIL_STALLED] = { 408, "upload_stalled", "the body did not come in time" },
                [LANE_FAIL_BUSY] = { 503, "gateway_busy", "all connections to the upstream are in use" },
                [LANE_FAIL_ABORTED] = { 502, "upstream_lost", "the request was given up" },
                [LANE_FAIL_UNKNOWN] = { 502, "upstream_unreachable",
                                        "the upstream's address is not known yet" },
                [LANE_FAIL_MOVED] = { 502, "upstream_unreachable", "the base URL is being changed" },
                [LANE_FAIL_STOPPING] = { 503, "stopping", "the daemon is stopping" },
                [LANE_FAIL_INTERNAL] = { 502, "upstream_lost", "there is no memory to carry the request" },
        };
        const typeof(words[0]) *said = &words[failure->fail];
        char message[LANE_WHY_MAX + 160];

        (void)snprintf(message, sizeof(message), "%s%s%s%s: %s", said->message, *failure->why ? " (" : "",
                       failure->why, *failure->why ? ")" : "",
                       failure->sent ? "the request may have been carried out" : "try again");
        transfer_fail(transfer, said->status, said->slug, message,
                      said->status == 503 && !failure->sent ? 1 : ANSWER_NO_RETRY);
        return TRANSFER_ANSWERED;
}

static enum transfer_step hold_or_answer(struct transfer *transfer, uint64_t now_usec)
{
        if (transfer_must_hold(transfer)) {
                return transfer_go_to(transfer, TRANSFER_HOLDS);
        }
        transfer_refused_note(transfer, now_usec);
        return transfer_answer(transfer, now_usec);
}

/* The head of the answer has come. */
static enum transfer_step take_answer(struct transfer *transfer, const struct lane_response *packet,
                                      uint64_t now_usec)
{
        transfer->over = packet->last;
        if (!transfer_take_response(transfer, packet, now_usec)) {
                return TRANSFER_BROKEN;
        }
        if (transfer_refused_may_repeat(transfer, now_usec)) {
                return transfer_go_to(transfer, TRANSFER_HOLDS);
        }
        /* While its body still comes, it is answered at the end of that. */
        if (transfer->request->phase == REQUEST_BODY) {
                transfer->drops = packet->drop_body;
                transfer->until_usec = 0;
                return TRANSFER_WANTS_BODY;
        }
        return hold_or_answer(transfer, now_usec);
}

/* Looks whether something came. */
static enum transfer_step look_at_lane(struct transfer *transfer, uint64_t now_usec)
{
        const union lane_head *head;
        int type = transfer->lane.lane ? lane_receive(transfer->lane.lane, &head) : -EPIPE;

        switch (type) {
        case LANE_CONTINUE:
                transfer->may_send = true;
                transfer->until_usec = 0;
                return TRANSFER_GOES_ON;
        case LANE_RESPONSE:
                return take_answer(transfer, &head->response, now_usec);
        case LANE_FAIL:
                return say_failed(transfer, &head->failure);
        case -EAGAIN:
                return TRANSFER_WAITS;
        default:
                return transfer_lost(transfer);
        }
}

/* By the rules that are in force, and for the account whose tokens are served? */
static bool is_judged(const struct transfer *transfer)
{
        return transfer->generation == transfer->gateway->known->generation &&
               streq(transfer->account, transfer->request->environment->view.account);
}

/* While it waited for its lane, the token that there was then may have become that of another account than
 * the environment's. */
static enum transfer_step send_head(struct transfer *transfer, uint64_t now_usec)
{
        if (!is_judged(transfer)) {
                enum transfer_step step = gateway_judge_again(transfer, now_usec);
                if (step != TRANSFER_GOES_ON) {
                        return step;
                }
        }
        struct session *session = known_session(transfer->request->environment, now_usec);
        if (!session) {
                transfer_leave_lane(transfer);
                return transfer_go_to(transfer, TRANSFER_TOKEN);
        }
        transfer_take_session(transfer, session);
        switch (transfer_send_head(transfer, now_usec)) {
        case 0:
                return TRANSFER_GOES_ON;
        case -EAGAIN:
                return transfer_wait_for_lane(transfer, TRANSFER_QUIET_USEC, now_usec);
        case -E2BIG:
                transfer_fail(transfer, 431, "bad_request", "the head of the request is too large",
                              ANSWER_NO_RETRY);
                return TRANSFER_ANSWERED;
        default:
                return transfer_lost(transfer);
        }
}

/* The answer came while the body did, all of which is there now. */
static enum transfer_step end_early(struct transfer *transfer, uint64_t now_usec)
{
        int r = transfer->drops ? 0 : transfer_send_end(transfer);

        if (r == -EAGAIN) {
                return transfer_wait_for_lane(transfer, TRANSFER_ROOM_USEC, now_usec);
        }
        transfer->drops = true;
        return hold_or_answer(transfer, now_usec);
}

/* Sends what there is, as far as there is room; sees what the upstream says meanwhile. */
enum transfer_step transfer_send(struct transfer *transfer, uint64_t now_usec)
{
        if (transfer->status > 0) {
                return end_early(transfer, now_usec);
        }
        if (transfer->lane_usec == 0) {
                enum transfer_step step = send_head(transfer, now_usec);
                if (step != TRANSFER_GOES_ON || transfer->stage != TRANSFER_SENDS) {
                        return step;
                }
        }
        enum transfer_step step = look_at_lane(transfer, now_usec);
        if (step != TRANSFER_WAITS) {
                return step;
        }
        if (!transfer->may_send) {
                return transfer_wait_for_lane(transfer, transfer->answer_timeout_usec + SPARE_USEC,
                                              now_usec);
        }
        int r = transfer_send_kept(transfer);
        if (r == 0 && transfer->body_ended && transfer->sent == transfer->pulled) {
                r = transfer->announced >= 0 || transfer->request->phase != REQUEST_ENDED
                            ? 0
                            : transfer_send_end(transfer);
                if (r == 0) {
                        return transfer_go_to(transfer, TRANSFER_AWAITS);
                }
        }
        if (r == -EAGAIN) {
                return transfer_wait_for_lane(transfer, TRANSFER_ROOM_USEC, now_usec);
        }
        return r < 0 ? transfer_lost(transfer) : TRANSFER_WANTS_BODY;
}

enum transfer_step transfer_await(struct transfer *transfer, uint64_t now_usec)
{
        enum transfer_step step = look_at_lane(transfer, now_usec);

        return step == TRANSFER_WAITS
                       ? transfer_wait_for_lane(transfer, transfer->answer_timeout_usec + SPARE_USEC,
                                                now_usec)
                       : step;
}

/* ---- the answer is held back ---- */

static enum transfer_step end_hold(struct transfer *transfer, uint64_t now_usec)
{
        if (transfer->over && transfer_refused_may_repeat(transfer, now_usec)) {
                transfer_leave_lane(transfer);
                return transfer_go_to(transfer, TRANSFER_REPORTS);
        }
        if (transfer->request->phase == REQUEST_BODY) {
                transfer->stage = TRANSFER_SENDS; /* none of its body was wanted */
                transfer->drops = true;
                return TRANSFER_WANTS_BODY;
        }
        transfer_refused_note(transfer, now_usec);
        return transfer_answer(transfer, now_usec);
}

enum transfer_step transfer_hold(struct transfer *transfer, uint64_t now_usec)
{
        struct transfer_held *held = &transfer->held;
        const union lane_head *head;

        while (!transfer->over && held->length < TRANSFER_KEPT_MAX) {
                int type = transfer->lane.lane ? lane_receive(transfer->lane.lane, &head) : -EPIPE;
                if (type == -EAGAIN) {
                        return transfer_wait_for_lane(transfer, TRANSFER_QUIET_USEC, now_usec);
                }
                if (type != LANE_DATA && type != LANE_LAST) {
                        return transfer_lost(transfer);
                }
                transfer->over = type == LANE_LAST || head->data.last;
                size_t n = type == LANE_LAST ? 0 : head->data.data_length;
                if (!transfer_held_room(held, held->length + n)) {
                        return TRANSFER_BROKEN;
                }
                if (n > 0) {
                        memcpy(held->bytes + held->length, lane_data_bytes(&head->data), n);
                        held->length += n;
                }
        }
        return end_hold(transfer, now_usec);
}
