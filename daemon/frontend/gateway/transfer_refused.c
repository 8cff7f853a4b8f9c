/* A transfer that was answered 401. */
#include "daemon/frontend/gateway/transfer_refused.h"

#include "daemon/frontend/gateway/transfer_answer.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/util.h"

#define PATIENCE_USEC (4 * USEC_PER_SEC)

static bool is_mute(const struct transfer *transfer, uint64_t now_usec)
{
        const struct gateway_audit_what *what = &transfer->what;

        return mutes_has(&transfer->gateway->mutes, what->environment, what->uid, what->local, now_usec);
}

/* Another token than the one that it was sent with; NULL: there is none. */
static const struct session *newer(const struct transfer *transfer, uint64_t now_usec)
{
        const struct session *session = known_session(transfer->request->environment, now_usec);

        return session && session->serial != transfer->session->serial ? session : NULL;
}

bool transfer_refused_may_repeat(const struct transfer *transfer, uint64_t now_usec)
{
        return transfer->status == 401 && !transfer->repeated && transfer->pulled == transfer->kept_length &&
               !transfer->drops && (newer(transfer, now_usec) || !is_mute(transfer, now_usec));
}

/* NULL: no memory. */
static struct question *report(struct transfer *transfer)
{
        struct known *known = transfer->gateway->known;
        struct question *question = question_new(&known->questions);
        const char *ust = transfer->session->ust;

        if (question) {
                known->sides->ask->report(known->sides->keeper, question->number, transfer->what.environment,
                                          ust, strlen(ust));
        }
        return question;
}

void transfer_refused_note(struct transfer *transfer, uint64_t now_usec)
{
        const struct gateway_audit_what *what = &transfer->what;

        if (transfer->status != 401) {
                return;
        }
        if (transfer->repeated) {
                mutes_add(&transfer->gateway->mutes, what->environment, what->uid, what->local, now_usec);
        } else if (!newer(transfer, now_usec) && !is_mute(transfer, now_usec)) {
                (void)question_free(
                        report(transfer)); /* it cannot be sent again, but the next one may do better */
        }
}

static enum transfer_step repeat(struct transfer *transfer)
{
        struct request *request = transfer->request;

        request->question = question_free(request->question);
        transfer_forget_answer(transfer);
        transfer->repeated = true;
        transfer->gateway->counts.n_repeated++;
        transfer->sent = 0;
        transfer->lane_usec = 0;
        transfer->until_usec = 0;
        transfer->stage = TRANSFER_TOKEN;
        return TRANSFER_GOES_ON;
}

static enum transfer_step pass_on(struct transfer *transfer, uint64_t now_usec)
{
        struct request *request = transfer->request;

        request->question = question_free(request->question);
        if (request->phase == REQUEST_BODY) {
                transfer->stage = TRANSFER_SENDS; /* none of its body was wanted */
                transfer->drops = true;
                return TRANSFER_WANTS_BODY;
        }
        return transfer_answer(transfer, now_usec);
}

static bool ask(struct transfer *transfer, uint64_t now_usec)
{
        transfer->until_usec = usec_add(now_usec, PATIENCE_USEC);
        transfer->request->question = report(transfer);
        return transfer->request->question != NULL;
}

/* May another token come of it? Somebody else may have reported it first. */
static bool is_under_way(const struct request *request)
{
        switch (request->question->outcome.verdict) {
        case REFRESH_UNDER_WAY:
                return true;
        case REFRESH_ALREADY:
        case REFRESH_NOT_CURRENT:
                return environment_view_busy(&request->environment->view);
        default:
                return false;
        }
}

enum transfer_step transfer_refused_look(struct transfer *transfer, uint64_t now_usec)
{
        struct request *request = transfer->request;

        if (newer(transfer, now_usec)) {
                return repeat(transfer);
        }
        if (!request->question && !ask(transfer, now_usec)) {
                return pass_on(transfer, now_usec);
        }
        struct question *question = request->question;
        if (!question || now_usec >= transfer->until_usec ||
            (request->cut_short && now_usec >= request->wait_until_usec) ||
            (question->answered && !is_under_way(request))) {
                return pass_on(transfer, now_usec);
        }
        waiters_add(question->answered ? &request->environment->waiters : &question->waiters,
                    &request->waiter);
        request_wait(request, transfer->until_usec);
        return TRANSFER_WAITS;
}
