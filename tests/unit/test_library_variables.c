/* Variables for TLS libraries are gone before any of them looks. The program starts itself once more, as
 * only then is there something to be taken away. */
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

static const char *const gone[] = {
        "SSLKEYLOGFILE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "OPENSSL_CONF",
        "OPENSSL_MODULES",
        "OPENSSL_ENGINES",
        "GNUTLS_DEBUG_LEVEL",
        "P11_KIT_DEBUG",
        "GNUTLS_SYSTEM_PRIORITY_FILE",
        "CURL_CA_BUNDLE",
        "CURL_HOME",
        "CURL_SSL_BACKEND",
        "CTLOG_FILE",
        "QLOGDIR",
        "NETRC",
        "OPENSSL_CONF_INCLUDE",
        "KRB5_CONFIG",
        "KRB5CCNAME",
        "KRB5RCACHETYPE",
        "GSS_USE_PROXY",
        "SASL_PATH",
        "SASL_CONF_PATH",
        "LDAPCONF",
        "LDAPRC",
        "LDAPNOINIT",
        "GCONV_PATH",
        "LOCPATH",
        "NLSPATH",
};

/* Ours, those that are documented, and those that only look like one of the above. */
static const char *const kept[] = {
        "EQP_BROKER_CONFIG",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "CREDENTIALS_DIRECTORY",
        "NOTIFY_SOCKET",
        "SSLKEYLOGFILE_MINE",
        "NETRCS",
        "SSL",
        "OPENSSL",
        "KRB5",
        "GSS",
        "RES_OPTIONS",
        "LDAP",
        "SASL",
};

static bool seen_first; /* before any constructor of a library, and before this program's own */

__attribute__((constructor(101))) static void look_early(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
                seen_first = seen_first || getenv(gone[i]);
        }
}

static void test_variables_of_libraries_are_gone(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
                assert_null(getenv(gone[i]));
        }
        assert_false(seen_first);
}

static void test_everything_else_is_there(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
                assert_string_equal(getenv(kept[i]), kept[i]);
        }
}

int main(int argc, char **argv)
{
        if (argc == 1) {
                char *const again[] = { (char *)"test_library_variables", (char *)"again", NULL };
                for (size_t i = 0; i < MAX_OF(ARRAY_SIZE(kept), ARRAY_SIZE(gone)); i++) {
                        (void)(i < ARRAY_SIZE(gone) && setenv(gone[i], gone[i], 1));
                        (void)(i < ARRAY_SIZE(kept) && setenv(kept[i], kept[i], 1));
                }
                (void)execv("/proc/self/exe", again);
                perror("/proc/self/exe");
                return 1;
        }
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_variables_of_libraries_are_gone),
                                            cmocka_unit_test(test_everything_else_is_there) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
