/* The result of a stage of a transfer, and its wait. */
#include "daemon/frontend/gateway/transfer_wait.h"

#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/util.h"

#define ASKING_USEC USEC_PER_SEC /* so often the keeper hears that an answer is awaited */

enum transfer_step transfer_wait(struct transfer *transfer, uint64_t until_usec)
{
        request_wait(transfer->request, until_usec);
        return TRANSFER_WAITS;
}

enum transfer_step transfer_go_to(struct transfer *transfer, enum transfer_stage stage)
{
        transfer->stage = stage;
        transfer->until_usec = 0;
        return TRANSFER_GOES_ON;
}

/* The wait of this stage is over, then. */
uint64_t transfer_patience(struct transfer *transfer, uint64_t usec, uint64_t now_usec)
{
        const struct request *request = transfer->request;

        if (transfer->until_usec == 0) {
                transfer->until_usec = usec_add(now_usec, usec);
        }
        return request->cut_short ? MIN_OF(request->wait_until_usec, transfer->until_usec)
                                  : transfer->until_usec;
}

/* Room on the lane, or the upstream's word, is waited for. */
enum transfer_step transfer_wait_for_lane(struct transfer *transfer, uint64_t usec, uint64_t now_usec)
{
        struct gateway *gateway = transfer->gateway;
        uint64_t until_usec = transfer_patience(transfer, usec, now_usec);

        if (now_usec >= until_usec && transfer->request->cut_short) {
                transfer_fail(transfer, 503, "stopping",
                              "the daemon is stopping, and the upstream has not answered yet: the request "
                              "may have been carried out",
                              ANSWER_NO_RETRY);
                return TRANSFER_ANSWERED;
        }
        if (now_usec >= until_usec) {
                transfer_fail(transfer, 504, "upstream_slow",
                              "the upstream did not answer in time: the request may have been carried out",
                              ANSWER_NO_RETRY);
                return TRANSFER_ANSWERED;
        }
        gateway->known->sides->ask->carrying(gateway->known->sides->keeper, now_usec);
        return transfer_wait(transfer, MIN_OF(until_usec, usec_add(now_usec, ASKING_USEC)));
}
