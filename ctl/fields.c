/* Fields: lenient readers of json-c objects. */
#include "ctl/fields.h"

#define SECONDS_MAX (INT64_C(10) * 365 * 86400)

static struct json_object *field_of(struct json_object *object, const char *name, enum json_type type)
{
        struct json_object *field = NULL;

        if (!json_object_is_type(object, json_type_object) ||
            !json_object_object_get_ex(object, name, &field) || !json_object_is_type(field, type)) {
                return NULL;
        }

        return field;
}

const char *field_text(struct json_object *object, const char *name)
{
        struct json_object *field = field_of(object, name, json_type_string);
        const char *text = field ? json_object_get_string(field) : NULL;

        return text ? text : "";
}

bool field_truth(struct json_object *object, const char *name)
{
        struct json_object *field = field_of(object, name, json_type_boolean);

        return field && json_object_get_boolean(field);
}

int64_t field_count(struct json_object *object, const char *name)
{
        struct json_object *field = field_of(object, name, json_type_int);

        return field ? json_object_get_int64(field) : 0;
}

bool field_seconds(struct json_object *object, const char *name, int64_t *ret_sec)
{
        struct json_object *field = field_of(object, name, json_type_int);
        int64_t value;

        if (!field) {
                return false;
        }

        value = json_object_get_int64(field);
        *ret_sec = MIN_OF(MAX_OF(value, INT64_C(0)), SECONDS_MAX);
        return true;
}

struct json_object *field_object(struct json_object *object, const char *name)
{
        return field_of(object, name, json_type_object);
}

struct json_object *field_array(struct json_object *object, const char *name)
{
        return field_of(object, name, json_type_array);
}
