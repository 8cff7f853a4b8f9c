/* Whom an exchange trusts: everything that libcurl and the TLS library under it would settle by
 * themselves.
 *
 * They bring along authorities, sessions and passwords that nobody named. Each of them is set here, or is
 * left alone for a reason that stands in tests/security/test_library_defaults.py, which watches the files
 * that are opened. The environment is the business of library_variables.c. */
#include "daemon/keeper/trust.h"

#include "daemon/base/tls_limit.h"
#include "daemon/keeper/authority_files.h"
#include "lib/tls_trouble.h"
#include "lib/util.h"

#include <stdio.h>
#include <sys/stat.h>

/* In place of the directory that libcurl was built with, in which it looks for authorities that CAINFO
 * lacks. NULL would do with 7.88 to 8.23; but it is what resets an option, and that directory is its
 * default. */
#define NO_DIRECTORY "/dev/null"

#define NO_FILE "/dev/null/none" /* cannot be opened */

/* libcurl opens the file on our loop: with a pipe that would wait until somebody writes to it, maybe for
 * ever. */
static const char *file_for(const char *ca_file, char *ret_obstacle)
{
        struct stat status;

        ret_obstacle[0] = '\0';
        if (!ca_file || stat(ca_file, &status) < 0 || S_ISREG(status.st_mode)) {
                return ca_file; /* libcurl says if anything else is wrong with it */
        }
        (void)snprintf(ret_obstacle, TRUST_OBSTACLE_MAX, "%.150s: not a regular file", ca_file);
        return NO_FILE;
}

bool trust_set_up(CURL *easy, const char *ca_file, char ret_obstacle[static TRUST_OBSTACLE_MAX])
{
        /* With ca_file, no other file is looked for. */
        const char *elsewhere = ca_file ? NULL : authority_files_elsewhere();
        const char *file = file_for(ca_file, ret_obstacle);

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        return tls_limit_set_up(easy) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
               SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
               (!elsewhere || (SET(CURLOPT_CAINFO, elsewhere) && SET(CURLOPT_PROXY_CAINFO, elsewhere))) &&
               (!file || (SET(CURLOPT_CAINFO, file) && SET(CURLOPT_CAPATH, NO_DIRECTORY))) &&
               /* The file is read and the certificate looked at each time: a session that is resumed is one
                * that a file of before has vouched for. libcurl 8.12 and later keep them over exchanges. */
               SET(CURLOPT_CA_CACHE_TIMEOUT, 0L) && SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
               /* A proxy is not the upstream, and sees nothing of the key: it is the system's authorities,
                * libcurl's default, that vouch for it. */
               SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L) && SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L) &&
               SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
               SET(CURLOPT_PROXYAUTH, CURLAUTH_BASIC) && SET(CURLOPT_SOCKS5_AUTH, CURLAUTH_BASIC) &&
               /* Our identity is the key, and nothing that lies in somebody's home. */
               SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
#undef SET
}

static bool is_gnutls(void)
{
        const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

        return library && strncmp(library, "GnuTLS", strlen("GnuTLS")) == 0;
}

/* The fault of a certificate, and its cure. */
static const char *cure_for(enum tls_trouble trouble, bool is_proxy, bool has_ca_file)
{
        switch (trouble) {
        case TLS_UNKNOWN_ISSUER:
                if (is_proxy) {
                        return "is not trusted: its CA has to be one of the system's";
                }
                return has_ca_file ? "is not trusted: its CA has to be in ca_file, which alone counts"
                                   : "is not trusted: set ca_file for a private CA";
        case TLS_TOO_EARLY:
                return "is not valid yet: check this machine's clock";
        case TLS_EXPIRED:
                return "has expired: have it renewed, or set this machine's clock";
        case TLS_OTHER_HOST:
                return is_proxy ? "is another host's: check https_proxy and its like"
                                : "is another host's: check "; /* the setting */
        default:
                return "is not trusted";
        }
}

void trust_cure(CURL *easy, const char *setting, bool has_ca_file, CURLcode result, const char *words,
                char *text, size_t size)
{
        bool is_proxy, gnutls = is_gnutls();
        long number = 0;

        text[0] = '\0';
        if (result == CURLE_SSL_CACERT_BADFILE) {
                (void)snprintf(text, size, has_ca_file ? " (check ca_file)" : " (install ca-certificates)");
        }
        if (result != CURLE_PEER_FAILED_VERIFICATION) {
                return;
        }
        is_proxy =
                curl_easy_getinfo(easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &number) == CURLE_OK && number != 0;
        if (!is_proxy) {
                (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &number);
        }
        enum tls_trouble trouble = tls_trouble_find(number, gnutls, words);
        (void)snprintf(text, size, " (the %scertificate %s%s)", is_proxy ? "proxy's " : "",
                       cure_for(trouble, is_proxy, has_ca_file),
                       trouble == TLS_OTHER_HOST && !is_proxy ? setting : "");
}
