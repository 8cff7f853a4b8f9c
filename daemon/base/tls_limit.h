/* A limit on what a TLS peer may send besides data: such messages are taken in a loop of OpenSSL's own,
 * which gives nothing else a turn as long as they come. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

/* Of one connection, both its own and its proxy's. A handshake takes about 20. */
#define TLS_LIMIT_MAX 500

/* To be called before the transfer. A connection beyond the limit fails as one that breaks off. Without
 * OpenSSL as libcurl's TLS library there is no limit. False: no memory. */
bool tls_limit_set_up(CURL *easy);

/* The same from within CURLOPT_SSL_CTX_FUNCTION, for a handle that has its own: `context` is an SSL_CTX. */
bool tls_limit_put_on(void *context);
