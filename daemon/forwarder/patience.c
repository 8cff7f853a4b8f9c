/* How long a request may take: one that is too slow is given up. */
#include "daemon/forwarder/patience.h"

#include "lib/util.h"

/* Has it been quiet for too long, and whose fault is that? */
static bool is_late(const struct carried_request *request, enum lane_fail *ret_fail, const char **ret_why)
{
        unsigned quiet_max = (unsigned)(PATIENCE_QUIET_SEC * USEC_PER_SEC / PATIENCE_TICK_USEC);
        uint64_t answer_usec = request->upstream->answer_timeout_usec;

        if (request->easy && request->n_attempts == 0) {
                return false; /* libcurl has its time-out */
        }
        if (!request->easy) {
                bool awaited = request->upstream->awaited;
                *ret_fail = request->ended ? LANE_FAIL_STALLED
                            : awaited      ? LANE_FAIL_UNKNOWN
                                           : LANE_FAIL_BUSY;
                *ret_why = awaited ? "nothing is known of this environment"
                                   : "all connections to the upstream were in use for too long";
                return request->n_quiet > quiet_max;
        }
        if (carried_request_reads_lane(request)) {
                *ret_fail = request->body.awaited ? LANE_FAIL_STALLED : LANE_FAIL_SLOW;
                *ret_why = request->body.awaited ? "the request's body did not come for too long"
                                                 : "it did not take the request's body for too long";
                return request->n_quiet > quiet_max;
        }
        if (!request->answer.whole) {
                *ret_fail = LANE_FAIL_SLOW;
                *ret_why = "it did not answer in time";
                return request->n_quiet * PATIENCE_TICK_USEC > answer_usec;
        }
        bool untaken = request->held_back || lane_answer_waits(&request->out);
        *ret_fail = untaken ? LANE_FAIL_STALLED : LANE_FAIL_SLOW;
        *ret_why =
                untaken ? "the answer was not taken for too long" : "its answer did not go on for too long";
        return request->n_quiet > quiet_max;
}

void patience_tick(struct carried_request *request)
{
        enum lane_fail fail;
        const char *why;

        request->n_quiet++;
        if (carried_request_reads_lane(request) && !request->body.awaited &&
            lane_end_find_abort(request->end, request->out.number)) {
                carried_request_fail(request, LANE_FAIL_ABORTED, NULL);
        } else if (is_late(request, &fail, &why)) {
                request->broken = request->broken || request->ended; /* it does not even take its failure */
                carried_request_fail(request, fail, why);
        }
}
