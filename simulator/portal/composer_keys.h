/* composer_keys: the keys by which Composer downloads the account's packages. (They are not the API access
 * keys.) */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#define COMPOSER_KEYS_MAX 100

/* Makes the keys as they are at the start, an array, which the caller puts. Returns 0, -ENOMEM or -EIO. */
int composer_keys_new(struct json_object **ret);

/* A key of this label, with random parts, which the caller puts. Returns 0, -ENOMEM or -EIO. */
int composer_key_new(struct json_object **ret, const char *label);

/* Its place in the array, or the array's length. */
size_t composer_keys_find(struct json_object *keys, const char *label);
