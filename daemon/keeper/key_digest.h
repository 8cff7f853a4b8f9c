/* A keyed digest of an access key: whether two keys are the same can be told by it, and nothing else. */
#pragma once

#include "daemon/base/keyed_digest.h"
#include "lib/access_key.h"

/* -EIO: the library refuses. */
int key_digest(const struct access_key *key, const uint8_t salt[static KEYED_SALT_SIZE],
               uint8_t ret[static KEYED_DIGEST_SIZE]);

/* Of the key with that digest at a base URL: the key of floor and budget (lib/exchange_ledger). -EIO. */
int exchange_digest(const uint8_t key[static KEYED_DIGEST_SIZE], const char *base_url,
                    const uint8_t salt[static KEYED_SALT_SIZE], uint8_t ret[static KEYED_DIGEST_SIZE]);
