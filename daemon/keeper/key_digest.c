/* A keyed digest of an access key: HMAC-SHA256, with the salt as its key. */
#include "daemon/keeper/key_digest.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

int key_digest(const struct access_key *key, const uint8_t salt[static KEY_DIGEST_SALT_SIZE],
               uint8_t ret[static KEY_DIGEST_SIZE])
{
        /* ID, NUL, secret: they lie so in their block (lib/access_key.h). */
        size_t length = (size_t)(key->secret - key->id) + strlen(key->secret);

        return gnutls_hmac_fast(GNUTLS_MAC_SHA256, salt, KEY_DIGEST_SALT_SIZE, key->id, length, ret) < 0
                       ? -EIO
                       : 0;
}
