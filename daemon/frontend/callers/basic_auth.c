/* Basic authentication (RFC 7617). The password is hashed where it lies, and wiped. libmicrohttpd's own
 * reading takes "Basic" in this case only. */
#include "daemon/frontend/callers/basic_auth.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <strings.h>

#define SCHEME "Basic"

/* Of ID and password with a colon between, and no NUL. */
static int read_pair(const unsigned char *data, size_t size, char **ret_id, uint8_t *ret_hash)
{
        const unsigned char *colon = data ? memchr(data, ':', size) : NULL;

        if (!colon || memchr(data, '\0', size)) {
                return -EINVAL;
        }
        size_t id_length = (size_t)(colon - data);
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, colon + 1, size - id_length - 1, ret_hash) < 0) {
                return -EIO;
        }
        char *id = strndup((const char *)data, id_length);
        if (!id) {
                return -ENOMEM;
        }
        *ret_id = id;
        return 0;
}

int basic_auth_read(const char *authorization, char **ret_id, uint8_t ret_hash[static BASIC_AUTH_HASH_SIZE])
{
        size_t scheme = strlen(SCHEME), spaces;
        gnutls_datum_t decoded = { 0 };

        if (!authorization || strncasecmp(authorization, SCHEME, scheme) != 0) {
                return -EINVAL;
        }
        spaces = strspn(authorization + scheme, " ");
        const char *encoded = authorization + scheme + spaces;
        const gnutls_datum_t text = { (unsigned char *)(uintptr_t)encoded, (unsigned)strlen(encoded) };
        if (spaces == 0 || text.size == 0 || gnutls_base64_decode2(&text, &decoded) < 0) {
                return -EINVAL;
        }
        int r = read_pair(decoded.data, decoded.size, ret_id, ret_hash);
        if (decoded.data) {
                gnutls_memset(decoded.data, 0, decoded.size);
                gnutls_free(decoded.data);
        }
        secret_wipe_stack();
        return r;
}
