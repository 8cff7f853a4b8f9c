/* JSON as text: read strictly, built with few words.
 *
 * json-c's parser stops at the end of a value and is content; here what follows is an error, since a client
 * that sends "{}{}" is broken and the simulator exists to show such things. */
#include "simulator/json_text.h"

#include "lib/json_feed.h"
#include "lib/util.h"

#include <errno.h>

#define JSON_DEPTH_MAX 16

static void tokener_freep(struct json_tokener **tokener)
{
        if (*tokener) {
                json_tokener_free(*tokener);
        }
}

int json_read(const char *text, size_t size, struct json_object **ret)
{
        _cleanup_(tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);

        return tokener ? json_feed(tokener, text, size, ret) : -ENOMEM;
}

int json_add(struct json_object *object, const char *name, struct json_object *value)
{
        if (!value) {
                return -ENOMEM;
        }
        if (!object || json_object_object_add(object, name, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_text(struct json_object *object, const char *name, const char *text)
{
        if (text) {
                return json_add(object, name, json_from_bytes(text, strlen(text)));
        }
        return !object || json_object_object_add(object, name, NULL) < 0 ? -ENOMEM : 0;
}

int json_add_number(struct json_object *object, const char *name, uint64_t number)
{
        return json_add(object, name, json_object_new_uint64(number));
}

int json_append(struct json_object *array, struct json_object *value)
{
        if (!value) {
                return -ENOMEM;
        }
        if (!array || json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

/* The length of one well-formed UTF-8 sequence at the start (RFC 3629, section 4), or 0. */
static size_t utf8_sequence(const uint8_t *bytes, size_t size)
{
        uint8_t low = 0x80, high = 0xBF;
        size_t length;

        if (bytes[0] < 0x80) {
                return 1;
        }
        if (bytes[0] >= 0xC2 && bytes[0] <= 0xDF) {
                length = 2;
        } else if (bytes[0] >= 0xE0 && bytes[0] <= 0xEF) {
                length = 3;
        } else if (bytes[0] >= 0xF0 && bytes[0] <= 0xF4) {
                length = 4;
        } else {
                return 0;
        }

        /* Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte. */
        if (bytes[0] == 0xE0) {
                low = 0xA0;
        } else if (bytes[0] == 0xED) {
                high = 0x9F;
        } else if (bytes[0] == 0xF0) {
                low = 0x90;
        } else if (bytes[0] == 0xF4) {
                high = 0x8F;
        }

        if (size < length || bytes[1] < low || bytes[1] > high) {
                return 0;
        }
        for (size_t i = 2; i < length; i++) {
                if ((bytes[i] & 0xC0) != 0x80) {
                        return 0;
                }
        }
        return length;
}

struct json_object *json_from_bytes(const char *bytes, size_t size)
{
        _cleanup_free_ char *text = NULL;
        const uint8_t *from = (const uint8_t *)bytes;
        size_t used = 0;

        if (size > INT32_MAX / 2) {
                return NULL;
        }
        text = malloc(2 * size + 1);
        if (!text) {
                return NULL;
        }

        for (size_t i = 0; i < size;) {
                size_t length = utf8_sequence(from + i, size - i);

                if (length > 0) {
                        memcpy(text + used, from + i, length);
                        used += length;
                        i += length;
                } else {
                        text[used++] = (char)(0xC0 | from[i] >> 6);
                        text[used++] = (char)(0x80 | (from[i] & 0x3F));
                        i++;
                }
        }
        return json_object_new_string_len(text, (int)used);
}

bool json_get_text(struct json_object *object, const char *name, size_t min, size_t max, const char **ret)
{
        struct json_object *value;
        size_t length;

        if (!json_object_object_get_ex(object, name, &value) ||
            !json_object_is_type(value, json_type_string)) {
                return false;
        }

        length = (size_t)json_object_get_string_len(value);
        if (length < min || length > max || strlen(json_object_get_string(value)) != length) {
                return false;
        }

        *ret = json_object_get_string(value);
        return true;
}

bool json_is_whole(struct json_object *value, int64_t min, int64_t max, int64_t *ret)
{
        int64_t number;

        if (!json_object_is_type(value, json_type_int)) {
                return false;
        }
        number = json_object_get_int64(value);
        if (number < min || number > max) {
                return false;
        }

        *ret = number;
        return true;
}

const char *json_unknown_field(struct json_object *object, const char *const *known)
{
        json_object_object_foreach (object, name, value) {
                size_t i = 0;

                while (known[i] && !streq(known[i], name)) {
                        i++;
                }
                if (!known[i]) {
                        return name;
                }
        }
        return NULL;
}
