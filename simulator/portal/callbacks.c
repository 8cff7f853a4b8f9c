/* callbacks: a record for each event and each URL that is registered at the time. */
#include "simulator/portal/callbacks.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/portal/package_status.h"

#include <errno.h>

/* The body is the caller's. */
static int record(struct environment *environment, const char *event, struct json_object *update_info)
{
        struct json_object *list;
        char at[MOMENT_TEXT_SIZE];

        if (!json_object_object_get_ex(environment->account, "api_callbacks", &list)) {
                return 0;
        }
        moment_format(moment_wall_usec(), at);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                _cleanup_(json_putp) struct json_object *entry = json_object_new_object();
                struct json_object *callback = json_object_array_get_idx(list, i),
                                   *body = json_object_new_object();
                struct json_object *url, *username;

                if (!json_object_object_get_ex(callback, "url", &url) ||
                    json_add_text(entry, "at", at) < 0 || json_add(entry, "body", body) < 0 ||
                    json_add(entry, "url", json_object_get(url)) < 0 ||
                    (json_object_object_get_ex(callback, "username", &username) &&
                     json_add(entry, "username", json_object_get(username)) < 0) ||
                    json_add_text(body, "callback_event", event) < 0 ||
                    json_add(body, "update_info", json_object_get(update_info)) < 0) {
                        return -ENOMEM;
                }
                history_add(&environment->callbacks, take_ptr(entry));
        }
        return 0;
}

int callbacks_add_status(struct environment *environment, const struct package *package,
                         enum package_flow flow)
{
        _cleanup_(json_putp) struct json_object *info = json_object_new_object();

        if (json_add_text(info, "submission_id", package->id) < 0 ||
            json_add_text(info, "item_id", package->item_id ? package->item_id : "") < 0 ||
            json_add_text(info, "eqp_flow", package_flow_name(flow)) < 0 ||
            json_add_text(info, "current_status", package->status[flow]) < 0) {
                return -ENOMEM;
        }
        return record(environment, "eqp_status_update", info);
}

int callbacks_add_scans(struct environment *environment)
{
        uint64_t now_usec = moment_boottime_usec();
        struct upload *upload;

        TAILQ_FOREACH(upload, &environment->uploads.list, link)
        {
                _cleanup_(json_putp) struct json_object *info = NULL;
                enum scan_status scan = upload_scan(upload, now_usec);

                if (upload->scan_reported || !scan_is_over(scan)) {
                        continue;
                }
                info = json_object_new_object();
                if (json_add_text(info, "file_upload_id", upload->id) < 0 ||
                    json_add_text(info, "tool_result", scan_is_good(scan) ? "passed" : "failed") < 0 ||
                    record(environment, "malware_scan_complete", info) < 0) {
                        return -ENOMEM;
                }
                upload->scan_reported = true;
        }
        return 0;
}
