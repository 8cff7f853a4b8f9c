/* JSON of what is to survive a restart: members one by one. */
#include "lib/saved_json.h"

#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* ---- writing ---- */

void saved_put_text(struct json_object *json, const char *member, const char *text)
{
        json_put(json, member, json_object_new_string(text));
}

void saved_put_number(struct json_object *json, const char *member, uint64_t number)
{
        json_put(json, member, json_object_new_int64((int64_t)number));
}

void saved_put_bytes(struct json_object *json, const char *member, const uint8_t *bytes, size_t n)
{
        char text[2 * SAVED_BYTES_MAX + 1] = "";

        for (size_t i = 0; i < n && 2 * i + 2 < sizeof(text); i++) {
                (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        }
        saved_put_text(json, member, text);
}

void saved_put_times(struct json_object *json, const char *member, const uint64_t *times, size_t n)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < n; i++) {
                json_append(list, json_object_new_int64((int64_t)times[i]));
        }
        json_put(json, member, list);
}

int saved_move_text(struct json_object *json, size_t max, char **ret, size_t *ret_length)
{
        size_t length;
        char *text = (char *)(uintptr_t)json_text(json, &length), *copy = NULL;
        int r = -ENOMEM;

        if (!text) {
                return r;
        }
        if (length > max) {
                r = -E2BIG;
        } else if ((copy = secret_alloc(length))) {
                memcpy(copy, text, length);
                *ret = copy;
                *ret_length = length;
                r = 0;
        }
        explicit_bzero(text, length);
        return r;
}

/* ---- reading ---- */

bool saved_get_text(struct json_object *json, const char *member, size_t max, const char **ret)
{
        struct json_object *value;

        if (!json_object_object_get_ex(json, member, &value) ||
            !json_object_is_type(value, json_type_string)) {
                return false;
        }
        *ret = json_object_get_string(value);
        size_t length = (size_t)json_object_get_string_len(value);
        return length <= max && strlen(*ret) == length;
}

bool saved_number_of(struct json_object *value, uint64_t max, uint64_t *ret)
{
        if (!json_object_is_type(value, json_type_int)) {
                return false;
        }
        int64_t number = json_object_get_int64(value);
        *ret = (uint64_t)number;
        return number >= 0 && (uint64_t)number <= max;
}

bool saved_get_number(struct json_object *json, const char *member, uint64_t max, uint64_t *ret)
{
        struct json_object *value;
        return json_object_object_get_ex(json, member, &value) && saved_number_of(value, max, ret);
}

bool saved_get_bytes(struct json_object *json, const char *member, uint8_t *bytes, size_t n)
{
        const char *text;

        if (!saved_get_text(json, member, 2 * n, &text) || strlen(text) != 2 * n) {
                return false;
        }
        for (size_t i = 0; i < n; i++) {
                static const char digits[] = "0123456789abcdef";
                const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
                if (!high || !low) {
                        return false;
                }
                bytes[i] = (uint8_t)((high - digits) << 4 | (low - digits));
        }
        return true;
}

bool saved_get_list(struct json_object *json, const char *member, size_t max, struct json_object **ret)
{
        return json_object_object_get_ex(json, member, ret) && json_object_is_type(*ret, json_type_array) &&
               json_object_array_length(*ret) <= max;
}

bool saved_get_times(struct json_object *json, const char *member, uint64_t *times, size_t max, size_t *ret)
{
        struct json_object *list;
        uint64_t before = 0;

        if (!saved_get_list(json, member, max, &list)) {
                return false;
        }
        *ret = json_object_array_length(list);
        for (size_t i = 0; i < *ret; i++) {
                if (!saved_number_of(json_object_array_get_idx(list, i), SAVED_TIME_MAX_USEC, &times[i]) ||
                    times[i] <= before) {
                        return false;
                }
                before = times[i];
        }
        return true;
}

/* An earlier version wrote the port that https has anyway. Such a place is kept as it was written, and is
 * nobody's any more. */
static bool differs_by_port(const char *base_url, const char *spelling)
{
        static const char port[] = ":443";
        size_t scheme = MIN_OF(strlen(base_url), strlen("https://")),
               at = scheme + strcspn(base_url + scheme, "/");

        return at >= strlen(port) && strncmp(base_url, spelling, at - strlen(port)) == 0 &&
               strncmp(base_url + at - strlen(port), port, strlen(port)) == 0 &&
               streq(base_url + at, spelling + at - strlen(port));
}

int saved_get_base_url(struct json_object *json, const char *member, char ret[static BASE_URL_MAX + 1])
{
        _cleanup_free_ char *spelling = NULL;
        const char *base_url;
        char why[256];

        if (!saved_get_text(json, member, BASE_URL_MAX, &base_url)) {
                return -EBADMSG;
        }
        int r = base_url_parse(base_url, &spelling, why, sizeof(why));
        if (r < 0 || !(streq(spelling, base_url) || differs_by_port(base_url, spelling))) {
                return r == -ENOMEM ? r : -EBADMSG;
        }
        (void)snprintf(ret, BASE_URL_MAX + 1, "%s", base_url);
        return 0;
}
