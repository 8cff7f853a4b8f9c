/* libcurl's words on bad certificates, by release and TLS library, and their meaning. */
#include "lib/tls_trouble.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define OPENSSL_NAME    "SSL: no alternative certificate subject name matches target host name 'localhost'"
#define OPENSSL_NO_NAME "SSL: unable to obtain common name from peer certificate"
#define GNUTLS_NAME     "SSL: certificate subject name (a.example) does not match target host name 'localhost'"
#define GNUTLS_FAILED   "server certificate verification failed. CAfile: ca.pem CRLfile: none"

static void means(void **state)
{
        static const struct {
                bool gnutls;
                long number;
                const char *words;
                enum tls_trouble wanted;
        } rows[] = {
                { false, 9, "SSL certificate problem: certificate is not yet valid", TLS_TOO_EARLY },
                { false, 10, "SSL certificate problem: certificate has expired", TLS_EXPIRED },
                { false, 18, "SSL certificate problem: self-signed certificate", TLS_UNKNOWN_ISSUER },
                { false, 20, "SSL certificate problem: unable to get local issuer certificate",
                  TLS_UNKNOWN_ISSUER },
                { false, 1, OPENSSL_NAME, TLS_OTHER_HOST }, /* 7.88: nobody has set it */
                { false, 0, OPENSSL_NAME, TLS_OTHER_HOST },
                { false, 0, OPENSSL_NO_NAME, TLS_OTHER_HOST },
                { false, 23, "SSL certificate problem: certificate revoked", TLS_OTHER },
                { false, 66, "SSL certificate problem: EE certificate key too weak", TLS_OTHER },
                { true, 66, GNUTLS_FAILED, TLS_UNKNOWN_ISSUER },
                { true, 514, GNUTLS_FAILED, TLS_TOO_EARLY },
                { true, 578, GNUTLS_FAILED, TLS_UNKNOWN_ISSUER }, /* as OpenSSL says of the same */
                { true, 1026, GNUTLS_FAILED, TLS_EXPIRED },
                { true, 34, GNUTLS_FAILED, TLS_OTHER },
                { true, 0, GNUTLS_NAME, TLS_OTHER_HOST },
                { true, 0, "", TLS_OTHER },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                assert_int_equal(tls_trouble_find(rows[i].number, rows[i].gnutls, rows[i].words),
                                 rows[i].wanted);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(means) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
