/* admin_portal: the admin requests about what a session token opens: files and their scans, packages and
 * their reviews, and what would have been sent to the account's callbacks. */
#include "lib/util.h"
#include "simulator/admin_handlers.h"
#include "simulator/json_text.h"
#include "simulator/portal/callbacks.h"
#include "simulator/portal/file_view.h"
#include "simulator/portal/package_status.h"
#include "simulator/portal/package_view.h"

#include <errno.h>

static const char *const upload_fields[] = { "malware_status", NULL };
static const char *const package_fields[] = { "overall", "technical", "marketing", NULL };

/* With the digest, whatever the scan says. */
static struct json_object *describe_upload(const struct environment *environment,
                                           const struct upload *upload)
{
        _cleanup_(json_putp) struct json_object *object = file_view(environment, upload);

        return json_add_text(object, "file_hash", upload->md5) < 0 ? NULL : take_ptr(object);
}

int admin_list_uploads(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        const struct upload *upload;

        TAILQ_FOREACH(upload, &call->environment->uploads.list, link)
        if (json_append(list, describe_upload(call->environment, upload)) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int admin_put_upload(struct admin_call *call, struct answer **ret)
{
        struct upload *upload = uploads_find(&call->environment->uploads, call->argument);
        const char *name;
        int r, status;

        if (!upload) {
                return answer_new_error(ret, 404, 404, "there is no upload of this ID");
        }
        r = admin_check_fields(call, upload_fields, ret);
        if (r <= 0) {
                return r;
        }
        status = json_get_text(call->body, "malware_status", 1, 16, &name) ? scan_status_from_name(name)
                                                                           : -EINVAL;
        if (status < 0) {
                return admin_bad_request(ret,
                                         "malware_status must be queued, in-progress, pass, passed or fail");
        }
        upload_tell_scan(upload, (enum scan_status)status);
        r = callbacks_add_scans(call->environment);
        return r < 0 ? r : answer_new_json(ret, 200, describe_upload(call->environment, upload));
}

int admin_list_packages(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        const struct package *package;

        TAILQ_FOREACH(package, &call->environment->packages.list, link)
        if (json_append(list, package_view_text(call->environment, package, /* summary= */ true)) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int admin_put_package(struct admin_call *call, struct answer **ret)
{
        struct package *package = packages_find(&call->environment->packages, call->argument);
        struct package changed;
        int r;

        if (!package) {
                return answer_new_error(ret, 404, 404, "there is no package of this submission_id");
        }
        r = admin_check_fields(call, package_fields, ret);
        if (r <= 0) {
                return r;
        }
        changed = *package;
        json_object_object_foreach (call->body, name, value) {
                if (!json_object_is_type(value, json_type_string) ||
                    package_status_tell(&changed, (enum package_flow)package_flow_from_name(name),
                                        json_object_get_string(value)) < 0) {
                        return admin_bad_request(
                                ret, "a status must be one of those that the vendor documents for it");
                }
        }
        for (int flow = 0; flow < FLOWS; flow++) {
                bool is_news = package->status[flow] != changed.status[flow];

                package->status[flow] = changed.status[flow];
                if (is_news &&
                    callbacks_add_status(call->environment, package, (enum package_flow)flow) < 0) {
                        return -ENOMEM;
                }
        }
        return answer_new_json(ret, 200, package_view(call->environment, package, /* summary= */ true));
}

int admin_list_callbacks(struct admin_call *call, struct answer **ret)
{
        struct json_object *list;
        int r;

        r = callbacks_add_scans(call->environment);
        if (r < 0) {
                return r;
        }
        r = history_list(&call->environment->callbacks, &list);
        return r < 0 ? r : answer_new_json(ret, 200, list);
}
