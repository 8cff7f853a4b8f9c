/* JSON under construction. The mark is json-c's userdata, which nothing else here uses. */
#include "lib/json_form.h"

#include <limits.h>
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

/* Where its buffer cannot grow, json-c leaves the piece out, says nothing, and goes on. */
static bool says_all(const char *text, size_t length, struct json_object *object)
{
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *read;
        bool same;

        if (!tokener) {
                return false;
        }
        read = json_tokener_parse_ex(tokener, text, (int)length);
        same = json_tokener_get_error(tokener) == json_tokener_success && json_object_equal(read, object);
        json_object_put(read);
        json_tokener_free(tokener);
        return same;
}

const char *json_text(struct json_object *object, size_t *ret_length)
{
        size_t length;
        const char *text;

        if (!json_is_whole(object)) {
                return NULL;
        }
        text = json_object_to_json_string_length(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
        if (!text || length > INT_MAX || !says_all(text, length, object)) {
                return NULL;
        }
        *ret_length = length;
        return text;
}
