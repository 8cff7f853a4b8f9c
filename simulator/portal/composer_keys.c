/* composer_keys: an array of {"label","user_key","password_key","is_enabled"}. */
#include "simulator/portal/composer_keys.h"

#include "lib/util.h"
#include "simulator/digest.h"
#include "simulator/json_text.h"

#include <errno.h>

int composer_key_new(struct json_object **ret, const char *label)
{
        _cleanup_(json_putp) struct json_object *key = json_object_new_object();
        char user[32 + 1], password[32 + 1];

        if (random_text(RANDOM_HEX, sizeof(user) - 1, user) < 0 ||
            random_text(RANDOM_HEX, sizeof(password) - 1, password) < 0) {
                return -EIO;
        }
        if (json_add_text(key, "label", label) < 0 || json_add_text(key, "user_key", user) < 0 ||
            json_add_text(key, "password_key", password) < 0 ||
            json_add(key, "is_enabled", json_object_new_boolean(true)) < 0) {
                return -ENOMEM;
        }
        *ret = take_ptr(key);
        return 0;
}

int composer_keys_new(struct json_object **ret)
{
        _cleanup_(json_putp) struct json_object *keys = json_object_new_array();
        struct json_object *key;
        int r;

        r = composer_key_new(&key, "main_key");
        if (r < 0) {
                return r;
        }
        if (json_append(keys, key) < 0) {
                return -ENOMEM;
        }
        *ret = take_ptr(keys);
        return 0;
}

size_t composer_keys_find(struct json_object *keys, const char *label)
{
        size_t count = json_object_array_length(keys), i = 0;
        struct json_object *value;

        while (i < count &&
               (!json_object_object_get_ex(json_object_array_get_idx(keys, i), "label", &value) ||
                !streq(json_object_get_string(value), label))) {
                i++;
        }
        return i;
}
