/* Basic authentication (RFC 7617). The password is of no interest here, and wiped. libmicrohttpd's own
 * reading takes "Basic" in this case only. */
#include "daemon/frontend/http/basic_auth.h"

#include "lib/util.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <strings.h>

#define SCHEME "Basic"

int basic_auth_id(const char *authorization, char **ret)
{
        size_t scheme = strlen(SCHEME), spaces;
        gnutls_datum_t decoded = { 0 };
        char *id = NULL;

        if (!authorization || strncasecmp(authorization, SCHEME, scheme) != 0) {
                return -EINVAL;
        }
        spaces = strspn(authorization + scheme, " ");
        const char *encoded = authorization + scheme + spaces;
        const gnutls_datum_t text = { (unsigned char *)(uintptr_t)encoded, (unsigned)strlen(encoded) };
        if (spaces == 0 || text.size == 0 || gnutls_base64_decode2(&text, &decoded) < 0) {
                return -EINVAL;
        }
        const unsigned char *colon = decoded.data ? memchr(decoded.data, ':', decoded.size) : NULL;
        bool whole = colon && !memchr(decoded.data, '\0', decoded.size);
        if (whole) {
                id = strndup((const char *)decoded.data, (size_t)(colon - decoded.data));
        }
        gnutls_memset(decoded.data, 0, decoded.size);
        gnutls_free(decoded.data);
        if (!id) {
                return whole ? -ENOMEM : -EINVAL;
        }
        *ret = id;
        return 0;
}
