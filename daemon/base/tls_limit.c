/* Counts a TLS peer's records and messages that are no data, and lets the connection break off at too many.
 *
 * Between ClientHello and the certificate OpenSSL skips each HelloRequest (RFC 5246, 7.4.1.1), later it
 * takes session tickets (RFC 8446, 4.6.1), in a loop that ends only when there is nothing to read. Anybody
 * at the peer's address could hold the process there, without a certificate. */
#include "daemon/base/tls_limit.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <string.h>

static int counter_index(void)
{
        static int index = -1;

        if (index < 0) {
                index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        }
        return index;
}

/* From here on reading finds the end. The socket stays libcurl's, behind the BIO that it writes to. */
static void break_off(SSL *ssl)
{
        BIO *nothing = BIO_new(BIO_s_null());

        if (nothing) {
                SSL_set0_rbio(ssl, nothing);
        }
}

static bool is_data(int content_type, const unsigned char *bytes, size_t length)
{
        bool names_type = content_type == SSL3_RT_HEADER || content_type == SSL3_RT_INNER_CONTENT_TYPE;

        return names_type && length > 0 && *bytes == SSL3_RT_APPLICATION_DATA;
}

static void on_message(int sent, int version, int content_type, const void *bytes, size_t length, SSL *ssl,
                       void *userdata)
{
        int index = counter_index();

        if (sent || is_data(content_type, bytes, length)) {
                return;
        }
        uintptr_t n = (uintptr_t)SSL_get_ex_data(ssl, index) + 1;
        (void)SSL_set_ex_data(ssl, index, (void *)n); /* a number, not an address */
        if (n == TLS_LIMIT_MAX) {
                break_off(ssl);
        }
}

bool tls_limit_put_on(void *context)
{
        if (counter_index() < 0) {
                return false;
        }
        SSL_CTX_set_msg_callback(context, on_message);
        return true;
}

static CURLcode on_context(CURL *easy, void *context, void *userdata)
{
        return tls_limit_put_on(context) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

bool tls_limit_set_up(CURL *easy)
{
        const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

        if (!library || strncmp(library, "OpenSSL/3", strlen("OpenSSL/3")) != 0) {
                return true; /* the context would be another library's */
        }
        return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK;
}
