/* Whom an exchange trusts: everything that libcurl and the TLS library under it would settle by
 * themselves.
 *
 * They bring along authorities, sessions and passwords that nobody named. Each of them is set here, or is
 * left alone for a reason that stands in tests/security/test_library_defaults.py, which watches the files
 * that are opened. The environment is the business of library_variables.c. */
#include "daemon/keeper/trust.h"

/* In place of the directory that libcurl was built with, in which it looks for authorities that CAINFO
 * lacks. NULL would do with 7.88 to 8.23; but it is what resets an option, and that directory is its
 * default. */
#define NO_DIRECTORY "/dev/null"

bool trust_set_up(CURL *easy, const char *ca_file)
{
#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        return SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
               SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
               (!ca_file || (SET(CURLOPT_CAINFO, ca_file) && SET(CURLOPT_CAPATH, NO_DIRECTORY))) &&
               /* The file is read and the certificate looked at each time: a session that is resumed is one
                * that a file of before has vouched for. libcurl 8.12 and later keep them over exchanges. */
               SET(CURLOPT_CA_CACHE_TIMEOUT, 0L) && SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
               /* A proxy is not the upstream, and sees nothing of the key: it is the system's authorities,
                * libcurl's default, that vouch for it. */
               SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L) && SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L) &&
               SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
               SET(CURLOPT_PROXYAUTH, CURLAUTH_BASIC) && SET(CURLOPT_SOCKS5_AUTH, CURLAUTH_BASIC) &&
               /* Who we are is the key, and nothing that lies in somebody's home. */
               SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
#undef SET
}

const char *trust_cure(CURL *easy, bool has_ca_file, CURLcode result)
{
        long proxy_trouble = 0;

        if (result == CURLE_SSL_CACERT_BADFILE) {
                return has_ca_file ? " (check ca_file)" : " (install ca-certificates)";
        }
        if (result != CURLE_PEER_FAILED_VERIFICATION) {
                return "";
        }
        if (curl_easy_getinfo(easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &proxy_trouble) == CURLE_OK &&
            proxy_trouble != 0) {
                return " (the proxy's certificate is not trusted: its CA has to be one of the system's)";
        }
        return has_ca_file
                       ? " (the certificate is not trusted: its CA has to be in ca_file, which alone counts)"
                       : " (the certificate is not trusted: set ca_file for a private CA)";
}
