/* keys: the access keys of one environment. A plain array in order of arrival; there are a handful. */
#include "simulator/keys.h"

#include "lib/util.h"
#include "simulator/digest.h"
#include "simulator/json_text.h"

#include <errno.h>

static bool is_printable(const char *text)
{
        for (; *text; text++) {
                if ((unsigned char)*text < 0x20 || *text == 0x7F) {
                        return false;
                }
        }
        return true;
}

bool key_id_is_valid(const char *id)
{
        return id[0] && strlen(id) <= KEY_ID_SIZE_MAX && !strchr(id, ':') && is_printable(id);
}

bool key_secret_is_valid(const char *secret)
{
        return secret[0] && strlen(secret) <= KEY_SECRET_SIZE_MAX && is_printable(secret);
}

int keys_add(struct keys *keys, const char *id, const char *secret)
{
        _cleanup_free_ char *id_copy = NULL, *secret_copy = NULL;
        struct key *list;

        if (keys_find(keys, id)) {
                return -EEXIST;
        }
        if (keys->count >= KEYS_MAX) {
                return -ENOSPC;
        }

        id_copy = strdup(id);
        secret_copy = strdup(secret);
        list = reallocarray(keys->list, keys->count + 1, sizeof(*list));
        if (list) {
                keys->list = list;
        }
        if (!id_copy || !secret_copy || !list) {
                return -ENOMEM;
        }

        list[keys->count++] = (struct key){ .id = take_ptr(id_copy), .secret = take_ptr(secret_copy) };
        return 0;
}

int keys_add_json(struct keys *keys, struct json_object *list)
{
        static const char *const known[] = { "id", "secret", NULL };

        if (!json_object_is_type(list, json_type_array)) {
                return -EINVAL;
        }

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *entry = json_object_array_get_idx(list, i);
                const char *id, *secret;
                int r;

                if (!json_object_is_type(entry, json_type_object) || json_unknown_field(entry, known) ||
                    !json_get_text(entry, "id", 1, KEY_ID_SIZE_MAX, &id) || !key_id_is_valid(id) ||
                    !json_get_text(entry, "secret", 1, KEY_SECRET_SIZE_MAX, &secret) ||
                    !key_secret_is_valid(secret)) {
                        return -EINVAL;
                }
                r = keys_add(keys, id, secret);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

struct key *keys_find(const struct keys *keys, const char *id)
{
        for (size_t i = 0; i < keys->count; i++) {
                if (streq(keys->list[i].id, id)) {
                        return &keys->list[i];
                }
        }
        return NULL;
}

int key_regenerate(struct key *key, const char *secret)
{
        char random[KEY_SECRET_RANDOM + 1];
        char *copy;
        int r;

        if (!secret) {
                r = random_text(RANDOM_HEX, KEY_SECRET_RANDOM, random);
                if (r < 0) {
                        return r;
                }
                secret = random;
        }
        copy = strdup(secret);
        if (!copy) {
                return -ENOMEM;
        }

        free(key->secret);
        key->secret = copy;
        key->refused = false;
        return 0;
}

void keys_remove(struct keys *keys, struct key *key)
{
        size_t index = (size_t)(key - keys->list);

        free(key->id);
        free(key->secret);
        memmove(key, key + 1, (keys->count - index - 1) * sizeof(*key));
        keys->count--;
}

void keys_clear(struct keys *keys)
{
        while (keys->count > 0) {
                keys_remove(keys, &keys->list[keys->count - 1]);
        }
        free(keys->list);
        keys->list = NULL;
}
