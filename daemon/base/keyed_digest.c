/* A keyed digest, by GnuTLS. */
#include "daemon/base/keyed_digest.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

int keyed_digest(const char *text, size_t length, const uint8_t salt[static KEYED_SALT_SIZE],
                 uint8_t ret[static KEYED_DIGEST_SIZE])
{
        return gnutls_hmac_fast(GNUTLS_MAC_SHA256, salt, KEYED_SALT_SIZE, text, length, ret) < 0 ? -EIO : 0;
}
