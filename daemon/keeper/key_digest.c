/* A keyed digest of an access key. */
#include "daemon/keeper/key_digest.h"

#include <string.h>

int key_digest(const struct access_key *key, const uint8_t salt[static KEYED_SALT_SIZE],
               uint8_t ret[static KEYED_DIGEST_SIZE])
{
        /* ID, NUL, secret: they lie so in their block (lib/access_key.h). */
        size_t length = (size_t)(key->secret - key->id) + strlen(key->secret);

        return keyed_digest(key->id, length, salt, ret);
}
