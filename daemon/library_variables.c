/* Takes variables out of the environment by which a TLS library, or libcurl, would do what nobody asked of
 * the daemon; see doc/internals/environment.md for all of them: write down the keys of its sessions
 * (SSLKEYLOGFILE), so that a recorder of the wire has the access key; load code (OPENSSL_CONF,
 * OPENSSL_MODULES); allow weak ciphers (GNUTLS_SYSTEM_PRIORITY_FILE); trust other authorities
 * (SSL_CERT_FILE). The system's own files for that (/etc/ssl/openssl.cnf, /etc/gnutls/config) are root's
 * word on all programs, and stay in force.
 *
 * GnuTLS and OpenSSL look at some of these before main() does: they have constructors. Functions in
 * .preinit_array are called before any of those. Only a program may have some, so this file is linked into
 * the program, as wiping_heap.c is. libc is not ready by then, and nothing of it is used. */
#include <stdbool.h>
#include <stddef.h>

/* A name, or with the underscore at its end, all that begin so: a newer library knows more of them. KRB5_
 * and its like: Kerberos, SASL and libc's conversion of texts load code, from where these say. */
static const char *const unwanted[] = {
        "SSLKEYLOGFILE", "SSL_CERT_", "OPENSSL_",   "GNUTLS_",    "P11_KIT_",       "CURL_",   "CTLOG_FILE",
        "QLOGDIR",       "NETRC",     "KRB5_",      "KRB5CCNAME", "KRB5RCACHETYPE", "GSS_",    "SASL_",
        "LDAPCONF",      "LDAPRC",    "LDAPNOINIT", "GCONV_PATH", "LOCPATH",        "NLSPATH",
};

static bool is_named(const char *variable, const char *name)
{
        size_t i = 0;

        while (name[i] != '\0' && variable[i] == name[i]) {
                i++;
        }
        return name[i] == '\0' && (name[i - 1] == '_' || variable[i] == '=');
}

static bool is_unwanted(const char *variable)
{
        for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
                if (is_named(variable, unwanted[i])) {
                        return true;
                }
        }
        return false;
}

static void take_away(int argc, char **argv, char **variables)
{
        char **kept = variables;

        for (char **variable = variables; *variable; variable++) {
                if (!is_unwanted(*variable)) {
                        *kept++ = *variable;
                }
        }
        *kept = NULL;
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **,
                                                                            char **) = take_away;
