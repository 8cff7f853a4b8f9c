/* Certificate authorities, read once.
 *
 * libcurl, given authorities as bytes, copies them for every transfer, compares them for every kept
 * connection, and reads all of them for every new one: milliseconds and some 200 KiB each. A store of
 * OpenSSL's is read once and then only counted. It takes the place of the one that libcurl has made, which
 * has none in it.
 *
 * libcurl does not see what is in the store, and would take up a connection that another store has vouched
 * for. So each has a name of its own, told as CAPATH, which libcurl compares. It is no directory, and
 * nothing is ever looked for there: the store that libcurl told of it is not the one that is used. */
#include "daemon/forwarder/authorities.h"

#include "daemon/base/tls_limit.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>

#define DIGEST_LENGTH 32

struct authorities {
        struct ring place;
        unsigned n_references;
        X509_STORE *store;
        char name[48];
        unsigned char digest[DIGEST_LENGTH]; /* of the bytes that they were read from */
};

static bool is_openssl(void)
{
        const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;

        return library && strncmp(library, "OpenSSL/3", strlen("OpenSSL/3")) == 0;
}

/* Returns how many were read; -ENOMEM. */
static int read_all(X509_STORE *store, BIO *bio)
{
        X509 *certificate;
        int n = 0;

        while ((certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
                int added = X509_STORE_add_cert(store, certificate); /* twice the same is fine */
                X509_free(certificate);
                if (!added) {
                        return -ENOMEM;
                }
                n++;
        }
        unsigned long error = ERR_peek_last_error();
        bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        return at_end ? n : -EINVAL;
}

static void unref(struct authorities **authorities)
{
        *authorities = authorities_unref(*authorities);
}

static int read_new(struct authorities **ret, const void *pem, size_t length)
{
        static unsigned long long n_made;
        _cleanup_(unref) struct authorities *authorities = calloc(1, sizeof(*authorities));
        BIO *bio = authorities ? BIO_new_mem_buf(pem, (int)length) : NULL;

        if (!bio) {
                free(take_ptr(authorities));
                return -ENOMEM;
        }
        authorities->n_references = 1;
        authorities->store = X509_STORE_new();
        int r = authorities->store ? read_all(authorities->store, bio) : -ENOMEM;
        BIO_free(bio);
        if (r <= 0) {
                return r < 0 ? r : -EINVAL;
        }
        /* As libcurl sets its own: an authority that is trusted need not be a root. */
        if (!X509_STORE_set_flags(authorities->store,
                                  X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN)) {
                return -ENOMEM;
        }
        (void)snprintf(authorities->name, sizeof(authorities->name), "/dev/null/authorities-%llu", ++n_made);
        *ret = take_ptr(authorities);
        return 0;
}

int authorities_get(struct authorities **ret, struct ring *known, const void *pem, size_t length)
{
        unsigned char digest[DIGEST_LENGTH];
        struct authorities *authorities;

        if (!is_openssl()) {
                return -ENOTSUP;
        }
        if (length > INT_MAX) {
                return -EINVAL;
        }
        if (!EVP_Digest(pem, length, digest, NULL, EVP_sha256(), NULL)) {
                return -ENOMEM;
        }
        for (struct ring *at = ring_first(known); at; at = ring_after(known, at)) {
                authorities = container_of(at, struct authorities, place);
                if (memcmp(authorities->digest, digest, sizeof(digest)) == 0) {
                        authorities->n_references++;
                        *ret = authorities;
                        return 0;
                }
        }
        int r = read_new(&authorities, pem, length);
        if (r < 0) {
                return r;
        }
        memcpy(authorities->digest, digest, sizeof(digest));
        ring_add_last(known, &authorities->place);
        *ret = authorities;
        return 0;
}

struct authorities *authorities_unref(struct authorities *authorities)
{
        if (authorities) {
                assert(authorities->n_references > 0);
                if (--authorities->n_references == 0) {
                        ring_remove(&authorities->place);
                        X509_STORE_free(authorities->store); /* connections that have it keep it */
                        free(authorities);
                }
        }
        return NULL;
}

/* libcurl: a connection's TLS is set up but for this. */
static CURLcode on_context(CURL *easy, void *context, void *userdata)
{
        const struct authorities *authorities = userdata;

        SSL_CTX_set1_cert_store(context, authorities->store);
        /* libcurl has it give its buffers back after each record, and take them anew: 17 KiB each, wiped. */
        (void)SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);
        return tls_limit_put_on(context) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

bool authorities_set_up(const struct authorities *authorities, CURL *easy)
{
#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        return SET(CURLOPT_CAINFO, NULL) && SET(CURLOPT_CAPATH, authorities->name) &&
               SET(CURLOPT_SSL_CTX_FUNCTION, on_context) && SET(CURLOPT_SSL_CTX_DATA, authorities);
#undef SET
}
