/* files: uploads and their malware scans. */
#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/portal/file_view.h"
#include "simulator/portal/portal_handlers.h"
#include "simulator/portal/upload_sink.h"

#include <errno.h>

/* As POST answers: no more than the documentation has. */
static struct json_object *receipt(const struct upload *upload)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();

        if (json_add_text(object, "filename", upload->filename) < 0 ||
            json_add_text(object, "content_type", upload->content_type) < 0 ||
            json_add_number(object, "size", upload->size) < 0 ||
            json_add_text(object, "file_upload_id", upload->id) < 0) {
                return NULL;
        }
        return take_ptr(object);
}

static void schedule_scan(const struct environment_settings *settings, struct upload *upload,
                          uint64_t now_usec)
{
        upload->scan_begins_usec = now_usec + (uint64_t)settings->scan_queued_ms * USEC_PER_MSEC;
        upload->scan_ends_usec = upload->scan_begins_usec + (uint64_t)settings->scan_ms * USEC_PER_MSEC;
        upload->scan_result = settings->scan_result;
}

static int take_files(struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        uint64_t now_usec = moment_boottime_usec();
        const char *message;
        struct uploads *files;
        struct upload *upload;
        unsigned status;

        files = upload_sink_finish(call->request, &status, &message);
        if (!files) {
                return answer_new_error(ret, status,
                                        status == 413 ? API_CODE_TOO_LARGE : API_CODE_BAD_REQUEST, message);
        }
        TAILQ_FOREACH(upload, &files->list, link)
        if (json_append(list, receipt(upload)) < 0) {
                return -ENOMEM;
        }
        while ((upload = TAILQ_FIRST(&files->list))) {
                TAILQ_REMOVE(&files->list, upload, link);
                files->count--;
                schedule_scan(&call->environment->settings, upload, now_usec);
                uploads_add(&call->environment->uploads, upload);
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int portal_files(struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = NULL;
        const struct uploads *uploads = &call->environment->uploads;
        struct portal_page page = { 0 };
        struct upload *upload;
        size_t i = 0;
        int r;

        if (portal_is(call, "POST")) {
                return take_files(call, ret);
        }

        r = portal_page(call, uploads->count, &page, ret);
        if (r <= 0) {
                return r;
        }
        list = json_object_new_array();
        TAILQ_FOREACH(upload, &uploads->list, link)
        {
                if (i >= page.first && i < page.end &&
                    json_append(list, file_view(call->environment, upload)) < 0) {
                        return -ENOMEM;
                }
                i++;
        }
        return portal_answer_page(&page, take_ptr(list), ret);
}

/* A file that is in the store stays; every other package merely loses it. */
static int remove_file(struct portal_call *call, struct upload *upload, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        const struct package *package;
        bool in_store = false;

        TAILQ_FOREACH(package, &call->environment->packages.list, link)
        {
                bool live = streq(package->status[FLOW_OVERALL], "released_to_store");
                struct json_object *item;

                if (!package_has_file(package, upload->id)) {
                        continue;
                }
                in_store |= live;
                item = json_object_new_object();
                if (json_append(list, item) < 0 || json_add_text(item, "submission_id", package->id) < 0 ||
                    json_add_number(item, "code", live ? 1500 : 200) < 0 ||
                    json_add_text(item, "message", live ? "Package live in store" : "Success") < 0) {
                        return -ENOMEM;
                }
        }
        if (!in_store) {
                uploads_remove(&call->environment->uploads, upload);
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int portal_file(struct portal_call *call, struct answer **ret)
{
        struct upload *upload = uploads_find(&call->environment->uploads, call->arguments[0]);

        if (!upload) {
                return portal_not_found(ret, "There is no such upload");
        }
        if (portal_is_read(call)) {
                return answer_new_json(ret, 200, file_view(call->environment, upload));
        }
        return remove_file(call, upload, ret);
}
