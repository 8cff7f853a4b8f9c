/* JSON that holds secrets. */
#include "lib/secret_json.h"

#include "lib/json_feed.h"
#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <json-c/json_visit.h>

int secret_json_parse(const char *text, size_t length, int nesting_max, struct json_object **ret)
{
        struct json_tokener *tokener = json_tokener_new_ex(nesting_max);
        if (!tokener) {
                return -ENOMEM;
        }
        int error = json_feed(tokener, text, length, ret);
        if (tokener->pb && tokener->pb->buf) {
                explicit_bzero(tokener->pb->buf, (size_t)tokener->pb->size);
        }
        json_tokener_free(tokener);
        return error;
}

static int wipe(struct json_object *value, int flags, struct json_object *parent, const char *member,
                size_t *index, void *userdata)
{
        const char *wanted = userdata;

        if (member && streq(member, wanted) && json_object_is_type(value, json_type_string)) {
                explicit_bzero((char *)(uintptr_t)json_object_get_string(value),
                               (size_t)json_object_get_string_len(value));
        }
        return JSON_C_VISIT_RETURN_CONTINUE;
}

void secret_json_free(struct json_object *json, const char *member)
{
        if (json) {
                (void)json_c_visit(json, 0, wipe, (char *)(uintptr_t)member);
                (void)json_object_put(json);
        }
}

char *secret_json_text(struct json_object *json, size_t *ret_length)
{
        size_t length;
        const char *text = json_text(json, &length);
        char *body = text ? secret_alloc(length + 1) : NULL;

        if (body) {
                memcpy(body, text, length);
                *ret_length = length;
        }
        json_object_put(json);
        return body;
}
