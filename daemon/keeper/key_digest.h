/* A keyed digest of an access key: whether two keys are the same can be told by it, and nothing else. */
#pragma once

#include "daemon/base/keyed_digest.h"
#include "lib/access_key.h"

/* -EIO: the library refuses. */
int key_digest(const struct access_key *key, const uint8_t salt[static KEYED_SALT_SIZE],
               uint8_t ret[static KEYED_DIGEST_SIZE]);
