/* Why a certificate was turned down, as far as somebody can do something about it. */
#pragma once

#include <stdbool.h>

enum tls_trouble {
        TLS_OTHER,          /* revoked, too weak, made for something else, ... */
        TLS_UNKNOWN_ISSUER, /* no authority that counts vouches for it */
        TLS_TOO_EARLY,      /* it is not valid yet */
        TLS_EXPIRED,
        TLS_OTHER_HOST, /* it is good, but for another name */
        _TLS_TROUBLE_COUNT,
};

/* verify_result: CURLINFO_SSL_VERIFYRESULT, which is the number of an error of OpenSSL or, if gnutls is
 * true, a set of flags of GnuTLS. words: libcurl's; where a name does not match, they alone tell. */
enum tls_trouble tls_trouble_find(long verify_result, bool gnutls, const char *words);
