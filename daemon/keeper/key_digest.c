/* A keyed digest of an access key. */
#include "daemon/keeper/key_digest.h"

#include "lib/base_url.h"

#include <string.h>

int key_digest(const struct access_key *key, const uint8_t salt[static KEYED_SALT_SIZE],
               uint8_t ret[static KEYED_DIGEST_SIZE])
{
        /* ID, NUL, secret: they lie so in their block (lib/access_key.h). */
        size_t length = (size_t)(key->secret - key->id) + strlen(key->secret);

        return keyed_digest(key->id, length, salt, ret);
}

int exchange_digest(const uint8_t key[static KEYED_DIGEST_SIZE], const char *base_url,
                    const uint8_t salt[static KEYED_SALT_SIZE], uint8_t ret[static KEYED_DIGEST_SIZE])
{
        char text[KEYED_DIGEST_SIZE + BASE_URL_MAX];
        size_t length = strnlen(base_url, BASE_URL_MAX);

        memcpy(text, key, KEYED_DIGEST_SIZE);
        memcpy(text + KEYED_DIGEST_SIZE, base_url, length);
        return keyed_digest(text, KEYED_DIGEST_SIZE + length, salt, ret);
}
