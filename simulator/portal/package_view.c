/* package_view: a package as the API shows it: its fields, with what is known of its files, and where it is
 * in the reviews. */
#include "simulator/portal/package_view.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/portal/file_view.h"
#include "simulator/portal/package_status.h"

#include <errno.h>
#include <json-c/printbuf.h>
#include <time.h>

static int add_date(struct json_object *object, const char *name, uint64_t wall_usec)
{
        time_t seconds = (time_t)(wall_usec / USEC_PER_SEC);
        struct tm tm;
        char text[40];

        if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
                return -ENOMEM;
        }
        return json_add_text(object, name, text);
}

int package_view_add_receipt(const struct package *package, struct json_object *object)
{
        if (json_add_text(object, "submission_id", package->id) < 0 ||
            (package->item_id && json_add_text(object, "item_id", package->item_id) < 0) ||
            json_add(object, "eqp_status", package_status_json(package)) < 0 ||
            add_date(object, "created_at", package->created_usec) < 0 ||
            add_date(object, "modified_at", package->modified_usec) < 0) {
                return -ENOMEM;
        }
        return 0;
}

/* Where a file is named, says what is known of it. As deep as JSON is read, which is bounded. */
static int add_files(const struct environment *environment, struct json_object *value)
{
        _cleanup_(json_putp) struct json_object *file = NULL;
        const struct upload *upload = NULL;
        const char *id;

        for (size_t i = 0;
             json_object_is_type(value, json_type_array) && i < json_object_array_length(value); i++) {
                if (add_files(environment, json_object_array_get_idx(value, i)) < 0) {
                        return -ENOMEM;
                }
        }
        if (!json_object_is_type(value, json_type_object)) {
                return 0;
        }
        json_object_object_foreach (value, name, part) {
                (void)name;
                if (add_files(environment, part) < 0) {
                        return -ENOMEM;
                }
        }
        if (json_get_text(value, "file_upload_id", 1, UPLOAD_ID_SIZE, &id)) {
                upload = uploads_find(&environment->uploads, id);
        }
        if (!upload) {
                return 0;
        }
        file = file_view_short(upload);
        if (!file) {
                return -ENOMEM;
        }
        json_object_object_foreach (file, field, known) {
                if (json_add(value, field, json_object_get(known)) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static struct json_object *summarise(struct json_object *fields)
{
        static const char *const names[] = { "sku", "name", "version", "type", "platform" };
        _cleanup_(json_putp) struct json_object *part = json_object_new_object();
        struct json_object *value;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (json_object_object_get_ex(fields, names[i], &value) &&
                    json_add(part, names[i], json_object_get(value)) < 0) {
                        return NULL;
                }
        }
        return take_ptr(part);
}

struct json_object *package_view(const struct environment *environment, const struct package *package,
                                 bool summary)
{
        _cleanup_(json_putp) struct json_object *fields = NULL, *view = NULL;

        if (package_get_fields(package, &fields) < 0) {
                return NULL;
        }
        if (summary) {
                view = summarise(fields);
        } else {
                view = take_ptr(fields);
                if (add_files(environment, view) < 0 || json_add_text(view, "short_description", "") < 0) {
                        return NULL;
                }
        }
        if (!view || package_view_add_receipt(package, view) < 0) {
                return NULL;
        }
        return take_ptr(view);
}

static int write_as_it_is(struct json_object *value, struct printbuf *buffer, int level, int flags)
{
        return printbuf_memappend(buffer, json_object_get_string(value), json_object_get_string_len(value));
}

struct json_object *package_view_text(const struct environment *environment, const struct package *package,
                                      bool summary)
{
        _cleanup_(json_putp) struct json_object *view = package_view(environment, package, summary);
        struct json_object *value;
        const char *text;
        size_t size;

        if (!view) {
                return NULL;
        }
        text = json_object_to_json_string_length(
                view, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        value = text && size <= INT32_MAX ? json_object_new_string_len(text, (int)size) : NULL;
        if (value) {
                json_object_set_serializer(value, write_as_it_is, NULL, NULL);
        }
        return value;
}
