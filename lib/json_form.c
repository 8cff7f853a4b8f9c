/* JSON under construction. The mark is json-c's userdata, which nothing else here uses. */
#include "lib/json_form.h"

#include <stddef.h>

static char mark;

static void spoil(struct json_object *object)
{
        json_object_set_userdata(object, &mark, NULL);
}

bool json_is_whole(struct json_object *object)
{
        return object && json_object_get_userdata(object) != &mark;
}

void json_put(struct json_object *object, const char *name, struct json_object *value)
{
        if (!object || !json_is_whole(value) || json_object_object_add(object, name, value) < 0) {
                (void)json_object_put(value);
                if (object) {
                        spoil(object);
                }
        }
}

void json_put_null(struct json_object *object, const char *name)
{
        if (object && json_object_object_add(object, name, NULL) < 0) {
                spoil(object);
        }
}

void json_append(struct json_object *array, struct json_object *value)
{
        if (!array || !json_is_whole(value) || json_object_array_add(array, value) < 0) {
                (void)json_object_put(value);
                if (array) {
                        spoil(array);
                }
        }
}
