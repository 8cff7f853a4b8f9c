/* composer_key_requests: the keys of Composer, listed, made, switched and deleted. */
#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"
#include "simulator/portal/composer_keys.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>

#define LABEL_MAX 128

/* A copy, as faults write into answers, with the outcome if there is one. */
static struct json_object *describe(struct json_object *key, int64_t code, const char *message)
{
        _cleanup_(json_putp) struct json_object *copy = NULL;

        if (json_object_deep_copy(key, &copy, NULL) < 0) {
                return NULL;
        }
        if (message && (json_add(copy, "code", json_object_new_int64(code)) < 0 ||
                        json_add_text(copy, "message", message) < 0)) {
                return NULL;
        }
        return take_ptr(copy);
}

/* {"m2": [...]}, with the list consumed. */
static int answer_m2(struct json_object *list, bool with_m1, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();

        if (json_add(object, "m2", list) < 0 ||
            (with_m1 && json_add(object, "m1", json_object_new_array()) < 0)) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}

static int show(const struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        struct json_object *keys = call->environment->composer_keys;
        const char *type = portal_parameter(call, "type"), *label = portal_parameter(call, "label");

        for (size_t i = 0; i < json_object_array_length(keys); i++) {
                if ((!label || i == composer_keys_find(keys, label)) && (!type || !streq(type, "m1")) &&
                    json_append(list, describe(json_object_array_get_idx(keys, i), 0, NULL)) < 0) {
                        return -ENOMEM;
                }
        }
        return answer_m2(take_ptr(list), !type || !streq(type, "m2"), ret);
}

static bool read_label(struct json_object *given, const char **ret)
{
        return json_object_is_type(given, json_type_object) &&
               json_get_text(given, "label", 1, LABEL_MAX, ret) && !strpbrk(*ret, "\r\n\t");
}

/* Makes one key of a batch and appends its outcome. */
static int create(struct json_object *keys, struct json_object *given, struct json_object *outcomes)
{
        _cleanup_(json_putp) struct json_object *key = NULL;
        const char *label, *trouble = NULL;
        int r;

        if (!read_label(given, &label)) {
                trouble = "label must be a text of 1 to 128 characters";
        } else if (composer_keys_find(keys, label) < json_object_array_length(keys)) {
                trouble = "There is a key of this label";
        } else if (json_object_array_length(keys) >= COMPOSER_KEYS_MAX) {
                trouble = "There are too many keys";
        }
        if (trouble) {
                key = json_object_new_object();
                return json_append(outcomes, describe(key, API_CODE_BAD_REQUEST, trouble));
        }

        r = composer_key_new(&key, label);
        if (r < 0) {
                return r;
        }
        if (json_append(outcomes, describe(key, 200, "Success")) < 0) {
                return -ENOMEM;
        }
        return json_append(keys, take_ptr(key));
}

/* The body's "m2", an array of at least one. Returns 1, 0 with an error answer, or -ENOMEM. */
static int read_m2(const struct portal_call *call, struct json_object **ret_body,
                   struct json_object **ret_list, struct answer **ret)
{
        int r;

        r = portal_read_body(call, ret_body, ret);
        if (r <= 0) {
                return r;
        }
        if (!json_object_is_type(*ret_body, json_type_object) ||
            !json_object_object_get_ex(*ret_body, "m2", ret_list) ||
            !json_object_is_type(*ret_list, json_type_array) || json_object_array_length(*ret_list) == 0 ||
            json_object_array_length(*ret_list) > PORTAL_BATCH_MAX) {
                return portal_bad_request(ret, "The body must be {\"m2\":[{...}]}, of at most 200");
        }
        return 1;
}

int portal_composer_keys(struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *body = NULL, *outcomes = NULL;
        struct json_object *list = NULL;
        int r;

        if (portal_is_read(call)) {
                return show(call, ret);
        }
        r = read_m2(call, &body, &list, ret);
        if (r <= 0) {
                return r;
        }
        outcomes = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                r = create(call->environment->composer_keys, json_object_array_get_idx(list, i), outcomes);
                if (r < 0) {
                        return r;
                }
        }
        return answer_m2(take_ptr(outcomes), /* with_m1= */ false, ret);
}

static int update(struct portal_call *call, struct json_object *key, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *body = NULL, *outcomes = json_object_new_array();
        struct json_object *list = NULL, *enabled;
        int r;

        r = read_m2(call, &body, &list, ret);
        if (r <= 0) {
                return r;
        }
        if (!json_object_object_get_ex(json_object_array_get_idx(list, 0), "is_enabled", &enabled) ||
            !json_object_is_type(enabled, json_type_boolean)) {
                return portal_bad_request(ret, "is_enabled must be true or false");
        }
        if (json_add(key, "is_enabled", json_object_get(enabled)) < 0 ||
            json_append(outcomes, describe(key, 0, NULL)) < 0) {
                return -ENOMEM;
        }
        return answer_m2(take_ptr(outcomes), /* with_m1= */ false, ret);
}

int portal_composer_key(struct portal_call *call, struct answer **ret)
{
        struct json_object *keys = call->environment->composer_keys;
        size_t i = composer_keys_find(keys, call->arguments[0]);

        if (i == json_object_array_length(keys)) {
                return portal_not_found(ret, "There is no key of this label");
        }
        if (portal_is(call, "PUT")) {
                return update(call, json_object_array_get_idx(keys, i), ret);
        }
        if (json_object_array_del_idx(keys, i, 1) < 0) {
                return -ENOMEM;
        }
        return answer_new_text(ret, 204, NULL, NULL);
}
