/* admin_keys: the admin requests about access keys. */
#include "lib/util.h"
#include "simulator/admin_handlers.h"
#include "simulator/digest.h"
#include "simulator/json_text.h"

#include <errno.h>

static const char *const key_fields[] = { "id", "secret", NULL };
static const char *const regenerate_fields[] = { "secret", NULL };

int admin_describe_key(const struct key *key, struct json_object **ret)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();
        char digest[DIGEST_TEXT_SIZE];
        int r;

        r = digest_text(key->secret, strlen(key->secret), digest);
        if (r < 0) {
                return r;
        }
        if (json_add_text(object, "id", key->id) < 0 || json_add_text(object, "secret_sha256", digest) < 0 ||
            json_add_text(object, "state", key->refused ? "refused" : "good") < 0) {
                return -ENOMEM;
        }

        *ret = take_ptr(object);
        return 0;
}

static int answer_key(const struct key *key, struct answer **ret)
{
        struct json_object *object;
        int r;

        r = admin_describe_key(key, &object);
        return r < 0 ? r : answer_new_json(ret, 200, object);
}

static int answer_no_key(struct answer **ret)
{
        return answer_new_error(ret, 404, 404, "there is no key with this id");
}

static int answer_trouble(int error, struct answer **ret)
{
        switch (error) {
        case -EEXIST:
                return admin_bad_request(ret, "there is a key with this id already");
        case -ENOSPC:
                return admin_bad_request(ret, "there are too many keys");
        case -EINVAL:
                return admin_bad_request(
                        ret, "a key needs id and secret: text of sensible length without control "
                             "characters, and no colon in the id");
        default:
                return error;
        }
}

int admin_add_key(struct admin_call *call, struct answer **ret)
{
        const char *id, *secret;
        int r;

        r = admin_check_fields(call, key_fields, ret);
        if (r <= 0) {
                return r;
        }
        if (!json_get_text(call->body, "id", 1, KEY_ID_SIZE_MAX, &id) || !key_id_is_valid(id) ||
            !json_get_text(call->body, "secret", 1, KEY_SECRET_SIZE_MAX, &secret) ||
            !key_secret_is_valid(secret)) {
                return answer_trouble(-EINVAL, ret);
        }

        r = keys_add(&call->environment->keys, id, secret);
        if (r < 0) {
                return answer_trouble(r, ret);
        }
        return answer_key(keys_find(&call->environment->keys, id), ret);
}

int admin_replace_keys(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        struct keys keys = { 0 };
        int r;

        r = keys_add_json(&keys, call->body);
        if (r < 0) {
                keys_clear(&keys);
                return answer_trouble(r, ret);
        }
        keys_clear(&call->environment->keys);
        call->environment->keys = keys;

        for (size_t i = 0; i < keys.count; i++) {
                struct json_object *object;

                r = admin_describe_key(&keys.list[i], &object);
                if (r < 0) {
                        return r;
                }
                if (json_append(list, object) < 0) {
                        return -ENOMEM;
                }
        }
        return answer_new_json(ret, 200, take_ptr(list));
}

int admin_delete_key(struct admin_call *call, struct answer **ret)
{
        struct key *key = keys_find(&call->environment->keys, call->argument);

        if (!key) {
                return answer_no_key(ret);
        }
        keys_remove(&call->environment->keys, key);
        return answer_new_json(ret, 200, json_object_new_object());
}

static int set_refused(struct admin_call *call, bool refused, struct answer **ret)
{
        struct key *key = keys_find(&call->environment->keys, call->argument);

        if (!key) {
                return answer_no_key(ret);
        }
        key->refused = refused;
        return answer_key(key, ret);
}

int admin_refuse_key(struct admin_call *call, struct answer **ret)
{
        return set_refused(call, true, ret);
}

int admin_accept_key(struct admin_call *call, struct answer **ret)
{
        return set_refused(call, false, ret);
}

int admin_regenerate_key(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        struct key *key = keys_find(&call->environment->keys, call->argument);
        const char *secret = NULL;
        int r;

        if (!key) {
                return answer_no_key(ret);
        }
        if (call->body) {
                r = admin_check_fields(call, regenerate_fields, ret);
                if (r <= 0) {
                        return r;
                }
                if (json_object_object_get_ex(call->body, "secret", NULL) &&
                    (!json_get_text(call->body, "secret", 1, KEY_SECRET_SIZE_MAX, &secret) ||
                     !key_secret_is_valid(secret))) {
                        return answer_trouble(-EINVAL, ret);
                }
        }

        r = key_regenerate(key, secret);
        if (r < 0) {
                return r;
        }
        object = json_object_new_object();
        if (json_add_text(object, "id", key->id) < 0 || json_add_text(object, "secret", key->secret) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}
