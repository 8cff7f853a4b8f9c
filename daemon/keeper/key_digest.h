/* A keyed digest of an access key: who has the same key and the same salt gets the same digest, and nobody
 * gets the key back. Behind the upstream door. */
#pragma once

#include "lib/access_key.h"

#include <stdint.h>

#define KEY_DIGEST_SALT_SIZE 32
#define KEY_DIGEST_SIZE      32

/* -EIO: the library refuses. */
int key_digest(const struct access_key *key, const uint8_t salt[static KEY_DIGEST_SALT_SIZE],
               uint8_t ret[static KEY_DIGEST_SIZE]);
