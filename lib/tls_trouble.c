/* Why a certificate was turned down.
 *
 * libcurl has one code for all of it, and words that differ from release to release; with GnuTLS they name
 * no reason. The number behind them is the TLS library's own, and those of both have stood still for
 * decades, so they are written down here: lib/ knows neither library. */
#include "lib/tls_trouble.h"

#include "lib/util.h"

struct meaning {
        long number;
        enum tls_trouble trouble;
};

/* X509_V_ERR_*, x509_vfy.h. */
static const struct meaning openssl_errors[] = {
        { 2, TLS_UNKNOWN_ISSUER },  /* UNABLE_TO_GET_ISSUER_CERT */
        { 9, TLS_TOO_EARLY },       /* CERT_NOT_YET_VALID */
        { 10, TLS_EXPIRED },        /* CERT_HAS_EXPIRED */
        { 18, TLS_UNKNOWN_ISSUER }, /* DEPTH_ZERO_SELF_SIGNED_CERT */
        { 19, TLS_UNKNOWN_ISSUER }, /* SELF_SIGNED_CERT_IN_CHAIN */
        { 20, TLS_UNKNOWN_ISSUER }, /* UNABLE_TO_GET_ISSUER_CERT_LOCALLY */
        { 21, TLS_UNKNOWN_ISSUER }, /* UNABLE_TO_VERIFY_LEAF_SIGNATURE */
        { 62, TLS_OTHER_HOST },     /* HOSTNAME_MISMATCH */
        { 64, TLS_OTHER_HOST },     /* IP_ADDRESS_MISMATCH */
};

/* GNUTLS_CERT_*, gnutls.h. Several may be set: the first of these counts. */
static const struct meaning gnutls_flags[] = {
        { 1 << 6, TLS_UNKNOWN_ISSUER }, /* SIGNER_NOT_FOUND */
        { 1 << 9, TLS_TOO_EARLY },      /* NOT_ACTIVATED */
        { 1 << 10, TLS_EXPIRED },       /* EXPIRED */
        { 1 << 14, TLS_OTHER_HOST },    /* UNEXPECTED_OWNER */
};

enum tls_trouble tls_trouble_find(long verify_result, bool gnutls, const char *words)
{
        const struct meaning *meanings = gnutls ? gnutls_flags : openssl_errors;
        size_t n = gnutls ? ARRAY_SIZE(gnutls_flags) : ARRAY_SIZE(openssl_errors);

        for (size_t i = 0; i < n; i++) {
                if (gnutls ? (verify_result & meanings[i].number) != 0
                           : verify_result == meanings[i].number) {
                        return meanings[i].trouble;
                }
        }
        /* libcurl compares the name itself, when the TLS library has found nothing wrong. */
        return strstr(words, "certificate subject name") || strstr(words, "obtain common name")
                       ? TLS_OTHER_HOST
                       : TLS_OTHER;
}
