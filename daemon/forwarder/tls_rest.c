/* Unread bytes on a kept connection, with OpenSSL. */
#include "daemon/forwarder/tls_rest.h"

#include <openssl/ssl.h>

bool tls_rest_is_there(CURL *easy)
{
        struct curl_tlssessioninfo *session = NULL;

        if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || !session ||
            session->backend != CURLSSLBACKEND_OPENSSL || !session->internals) {
                return false;
        }
        return SSL_has_pending(session->internals) == 1;
}
