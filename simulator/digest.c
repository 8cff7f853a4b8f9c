/* SHA-256 in hexadecimal, and random text.
 *
 * Digests stand in wherever the simulator reports a secret: a test compares digests and no log holds a
 * token. */
#include "simulator/digest.h"

#include "lib/util.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdint.h>

#define DIGEST_BYTES 32

struct digest {
        gnutls_hash_hd_t hash;
        size_t size; /* bytes of the result */
};

static void write_hex(const uint8_t *bytes, size_t size, char *ret_text)
{
        static const char digits[] = RANDOM_HEX;

        for (size_t i = 0; i < size; i++) {
                ret_text[2 * i] = digits[bytes[i] >> 4];
                ret_text[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret_text[2 * size] = '\0';
}

int digest_text(const void *data, size_t size, char ret_text[static DIGEST_TEXT_SIZE])
{
        uint8_t bytes[DIGEST_BYTES];

        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, size > 0 ? data : "", size, bytes) < 0) {
                return -EIO;
        }

        write_hex(bytes, sizeof(bytes), ret_text);
        return 0;
}

static int new_of(struct digest **ret, gnutls_digest_algorithm_t algorithm)
{
        _cleanup_(digest_freep) struct digest *digest = calloc(1, sizeof(*digest));

        if (!digest) {
                return -ENOMEM;
        }
        if (gnutls_hash_init(&digest->hash, algorithm) < 0) {
                return -EIO;
        }

        digest->size = gnutls_hash_get_len(algorithm);
        *ret = take_ptr(digest);
        return 0;
}

int digest_new(struct digest **ret)
{
        return new_of(ret, GNUTLS_DIG_SHA256);
}

int digest_new_md5(struct digest **ret)
{
        return new_of(ret, GNUTLS_DIG_MD5);
}

struct digest *digest_free(struct digest *digest)
{
        if (!digest) {
                return NULL;
        }

        if (digest->hash) {
                gnutls_hash_deinit(digest->hash, NULL);
        }
        free(digest);
        return NULL;
}

void digest_freep(struct digest **digest)
{
        *digest = digest_free(*digest);
}

int digest_add(struct digest *digest, const void *data, size_t size)
{
        return gnutls_hash(digest->hash, data, size) < 0 ? -EIO : 0;
}

int digest_finish(struct digest *digest, char ret_text[static DIGEST_TEXT_SIZE])
{
        uint8_t bytes[DIGEST_BYTES];

        if (!digest) {
                return digest_text("", 0, ret_text);
        }

        gnutls_hash_output(digest->hash, bytes);
        write_hex(bytes, digest->size, ret_text);
        return 0;
}

int random_text(const char *alphabet, size_t length, char *ret_text)
{
        size_t letters = strlen(alphabet), done = 0;
        unsigned fair = 256 - 256 % letters;

        /* A byte at or above the largest multiple of the alphabet's size would favour the first letters. */
        while (done < length) {
                uint8_t bytes[64];

                if (gnutls_rnd(GNUTLS_RND_RANDOM, bytes, sizeof(bytes)) < 0) {
                        return -EIO;
                }
                for (size_t i = 0; i < sizeof(bytes) && done < length; i++) {
                        if (bytes[i] < fair) {
                                ret_text[done++] = alphabet[bytes[i] % letters];
                        }
                }
        }

        ret_text[length] = '\0';
        return 0;
}
