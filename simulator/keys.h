/* keys: the access keys of one environment, each good or refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* Far more than the three that the real API allows, so that a test can go over that number. */
#define KEYS_MAX            1000
#define KEY_ID_SIZE_MAX     256
#define KEY_SECRET_SIZE_MAX 4096

/* The form of regenerated secrets: as long as the documented example. */
#define KEY_SECRET_RANDOM 40

struct key {
        char *id;
        char *secret;
        bool refused;
};

struct keys {
        struct key *list;
        size_t count;
};

/* Adds a good key with copies of both parts. Returns 0, -EEXIST when the ID is taken, -ENOSPC or -ENOMEM. */
int keys_add(struct keys *keys, const char *id, const char *secret);

/* Adds every key of a JSON list of {"id", "secret"}. Returns 0, -EINVAL when it is no such list, or as
 * keys_add(). */
int keys_add_json(struct keys *keys, struct json_object *list);

/* The key with the ID, or NULL; it belongs to the list and moves when the list changes. */
struct key *keys_find(const struct keys *keys, const char *id);

/* Gives the key a new secret, a random one when `secret` is NULL. Returns 0, -ENOMEM or -EIO. */
int key_regenerate(struct key *key, const char *secret);

/* Takes the key out of the list. */
void keys_remove(struct keys *keys, struct key *key);

/* Empties the list. */
void keys_clear(struct keys *keys);

/* Whether text may be a key's ID or secret: as long as it should be and without control characters, an ID
 * also without a colon, which Basic authentication could not carry. */
bool key_id_is_valid(const char *id);
bool key_secret_is_valid(const char *secret);
