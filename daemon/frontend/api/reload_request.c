/* POST /v1/reload.
 *
 * The request waits while the loop does the work in a turn of its own, and is answered once that is done:
 * who has the answer knows that the new configuration is in force, or that the old one still is. */
#include "daemon/frontend/api/reload_request.h"

#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/keeper/reload.h"
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

        for (size_t i = 0; i < api->n_environments; i++) {
                json_append(names, json_object_new_string(api->environments[i]->name));
        }
        json_put(json, "reloaded", json_object_new_boolean(true));
        json_put(json, "environments", names);
        request_answer(request, 200, answer_json(json, /* secret= */ false));
}

void reload_request(struct api *api, struct request *request, uint64_t now_usec)
{
        struct reload *reload = api->reload;
        bool is_new = request->wait_until_usec == 0;

        if (reload_stopped(reload)) {
                send_answer(request,
                            answer_error_with(503, "stopping",
                                              "the daemon is about to end, and reads no "
                                              "configuration any more: the next one will at its start",
                                              1, NULL, false));
                return;
        }
        if (!is_new && reload->n_done != request->seen_answered) {
                if (!*reload->message) {
                        answer_done(api, request);
                        return;
                }
                api->n_errors++;
                send_answer(request, answer_error(422, "reload_failed", reload->message));
                return;
        }
        if (!is_new && now_usec >= request->wait_until_usec) {
                send_answer(request,
                            answer_error_with(503, "stopping", "the reload has not been done in time", 1,
                                              NULL, false));
                return;
        }
        if (is_new) {
                const struct audit_caller caller = connection_caller(request->connection);
                audit_reload(&caller);
                request->seen_answered = reload->n_done;
                reload_ask(reload);
        }
        reload_wait(reload, &request->waiter);
        request_wait(request, is_new ? usec_add(now_usec, DONE_WAIT_USEC) : request->wait_until_usec);
}
