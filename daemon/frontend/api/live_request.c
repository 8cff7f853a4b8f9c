/* GET /livez.
 *
 * That this runs says that the frontend does. The keeper does if something came from it within the last
 * second, or comes now: it is asked. */
#include "daemon/frontend/api/live_request.h"

#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/json_form.h"
#include "lib/util.h"

#define HEARD_USEC (1 * USEC_PER_SEC) /* that long ago counts as now */
#define WAIT_USEC  (5 * USEC_PER_SEC) /* a start or a reload may keep it busy */

static void answer_live(struct request *request)
{
        struct json_object *json = json_object_new_object();

        json_put(json, "live", json_object_new_boolean(true));
        request_answer(request, 200, answer_json(json, /* secret= */ false));
}

static void answer_not_live(struct api *api, struct request *request)
{
        struct answer answer = answer_error_with(
                503, "not_live",
                "the daemon's process with the access keys does not answer: restart the service", 1, NULL,
                false);

        api->n_errors++;
        request_answer(request, answer.status, answer.response);
}

static void ask(struct api *api, struct request *request, uint64_t now_usec)
{
        request->question = question_new(&api->known->questions);
        if (!request->question) {
                request_answer(request, 500, NULL); /* the connection ends */
                return;
        }
        waiters_add(&request->question->waiters, &request->waiter);
        request_wait(request, usec_add(now_usec, WAIT_USEC));
        api->known->sides->ask->alive(api->known->sides->keeper, request->question->number);
}

void live_request(struct api *api, struct request *request, uint64_t now_usec)
{
        if (usec_sub(now_usec, api->known->heard_usec) < HEARD_USEC) {
                answer_live(request);
        } else if (!request->question) {
                ask(api, request, now_usec);
        } else if (request->question->answered) {
                answer_live(request);
        } else if (now_usec >= request->wait_until_usec) {
                answer_not_live(api, request);
        } else {
                waiters_add(&request->question->waiters, &request->waiter);
                request_wait(request, request->wait_until_usec);
        }
}
