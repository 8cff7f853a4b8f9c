/* file_view: an upload as the API shows it. Its digest is known to the reader only once the scan is passed.
 */
#include "simulator/portal/file_view.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"

#include <errno.h>
#include <stdio.h>

struct json_object *file_view_short(const struct upload *upload)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();
        enum scan_status scan = upload_scan(upload, moment_boottime_usec());

        if (json_add_text(object, "file_upload_id", upload->id) < 0 ||
            json_add_text(object, "filename", upload->filename) < 0 ||
            json_add_text(object, "content_type", upload->content_type) < 0 ||
            json_add_number(object, "size", upload->size) < 0 ||
            json_add_text(object, "malware_status", scan_status_name(scan)) < 0 ||
            json_add_text(object, "file_hash", scan_is_good(scan) ? upload->md5 : "") < 0) {
                return NULL;
        }
        return take_ptr(object);
}

struct json_object *file_view(const struct environment *environment, const struct upload *upload)
{
        _cleanup_(json_putp) struct json_object *object = file_view_short(upload);
        struct json_object *ids = json_object_new_array();
        const struct package *package;

        if (json_add(object, "submission_ids", ids) < 0 ||
            json_add(object, "is_profile_image", json_object_new_boolean(false)) < 0) {
                return NULL;
        }
        TAILQ_FOREACH(package, &environment->packages.list, link)
        if (package_has_file(package, upload->id) &&
            json_append(ids, json_object_new_string(package->id)) < 0) {
                return NULL;
        }
        return take_ptr(object);
}

bool package_has_file(const struct package *package, const char *file_upload_id)
{
        char pair[UPLOAD_ID_SIZE + 32];

        /* In the text of a field each quote has a backslash before it, so this can only be the field itself.
         */
        (void)snprintf(pair, sizeof(pair), "\"file_upload_id\":\"%s\"", file_upload_id);
        return strstr(package->fields, pair);
}
