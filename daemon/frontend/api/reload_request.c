/* POST /v1/reload.
 *
 * The request waits while the loop does the work in a turn of its own, and is answered once that is done: a
 * caller with the answer knows that the new configuration is in force, or that the old one still is. */
#include "daemon/frontend/api/reload_request.h"

#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/http_server.h"
#include "lib/json_form.h"
#include "lib/util.h"

/* The work itself does not take long, but for a slow user database, which the loop has to wait for. */
#define DONE_WAIT_USEC (60 * USEC_PER_SEC)

static void send_answer(struct request *request, struct answer answer)
{
        request_answer(request, answer.status, answer.response);
}

static void answer_done(const struct api *api, struct request *request)
{
        struct json_object *json = json_object_new_object(), *names = json_object_new_array();

        for (size_t i = 0; i < api->known->n_environments; i++) {
                json_append(names, json_object_new_string(api->known->environments[i]->view.name));
        }
        json_put(json, "reloaded", json_object_new_boolean(true));
        json_put(json, "environments", names);
        request_answer(request, 200, answer_json(json, /* secret= */ false));
}

static void answer_stopping(struct request *request, const char *message)
{
        send_answer(request, answer_error_with(503, "stopping", message, 1, NULL, false));
}

static void ask(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct audit_caller caller = connection_caller(request->connection);

        request->question = question_new(&api->known->questions);
        if (!request->question) {
                request_answer(request, 500, NULL); /* the connection ends */
                return;
        }
        audit_reload(&caller);
        waiters_add(&request->question->waiters, &request->waiter);
        request_wait(request, usec_add(now_usec, DONE_WAIT_USEC));
        api->known->sides->ask->reload(api->known->sides->keeper, request->question->number);
}

void reload_request(struct api *api, struct request *request, uint64_t now_usec)
{
        const struct question *question = request->question;

        if (!question) {
                ask(api, request, now_usec);
        } else if (question->answered && question->outcome.stopping) {
                answer_stopping(request,
                                "the daemon is about to end, and reads no configuration any more: the "
                                "next one will at its start");
        } else if (question->answered && *question->outcome.message) {
                api->n_errors++;
                send_answer(request, answer_error(422, "reload_failed", question->outcome.message));
        } else if (question->answered) {
                answer_done(api, request);
        } else if (now_usec >= request->wait_until_usec) {
                answer_stopping(request, "the reload has not been done in time");
        } else {
                waiters_add(&request->question->waiters, &request->waiter);
                request_wait(request, request->wait_until_usec);
        }
}
