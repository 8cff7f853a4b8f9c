/* Sealed values. A key is used for one value: it comes from the purpose's key and a salt of 32 random bytes,
 * so that hosts which know nothing of each other never encrypt twice with one nonce. */
#include "lib/share_seal.h"

#include "lib/secret.h"
#include "lib/util.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define VERSION    1
#define NONCE_SIZE 12

struct one_value { /* keys of one value, in secret memory */
        uint8_t extracted[SHARE_KEY_SIZE];
        uint8_t key[SHARE_KEY_SIZE];
        uint8_t nonce[NONCE_SIZE];
};

static gnutls_datum_t datum(const void *bytes, size_t size)
{
        return (gnutls_datum_t){ (unsigned char *)(uintptr_t)bytes, (unsigned)size };
}

/* A return value of GnuTLS, as errno. */
static int result(int r)
{
        return r >= 0 ? 0 : r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
}

int share_extract(const void *secret, size_t n_secret, const void *salt, size_t n_salt,
                  uint8_t ret[static SHARE_KEY_SIZE])
{
        const gnutls_datum_t from = datum(secret, n_secret), with = datum(salt, n_salt);

        return result(gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &from, &with, ret));
}

int share_expand(const uint8_t key[static SHARE_KEY_SIZE], const void *info, size_t n_info, void *ret,
                 size_t size)
{
        const gnutls_datum_t from = datum(key, SHARE_KEY_SIZE), use = datum(info, n_info);

        return result(gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &from, &use, ret, size));
}

size_t share_padded(size_t n_text)
{
        return (n_text + SHARE_PADDING - 1) / SHARE_PADDING * SHARE_PADDING;
}

size_t share_sealed_size(size_t n_padded)
{
        return 1 + SHARE_SALT_SIZE + n_padded + SHARE_TAG_SIZE;
}

static int derive(const uint8_t *key, const uint8_t *salt, struct one_value *one)
{
        static const char key_info[] = "key", nonce_info[] = "nonce";
        int r = share_extract(key, SHARE_KEY_SIZE, salt, SHARE_SALT_SIZE, one->extracted);

        if (r < 0) {
                return r;
        }
        r = share_expand(one->extracted, key_info, sizeof(key_info) - 1, one->key, sizeof(one->key));
        if (r < 0) {
                return r;
        }
        return share_expand(one->extracted, nonce_info, sizeof(nonce_info) - 1, one->nonce,
                            sizeof(one->nonce));
}

static void deinit_cipher(gnutls_aead_cipher_hd_t *cipher)
{
        if (*cipher) {
                gnutls_aead_cipher_deinit(*cipher);
        }
}

/* Either way; *size: room in `to`, and what was written there. -EIO: GnuTLS refuses the bytes, too. */
static int run_cipher(const uint8_t *key, const char *name, const uint8_t *salt, bool seals,
                      const void *from, size_t n_from, void *to, size_t *size)
{
        _cleanup_(deinit_cipher) gnutls_aead_cipher_hd_t cipher = NULL;
        _cleanup_secret_ struct one_value *one = secret_alloc(sizeof(*one));

        if (!one) {
                return -ENOMEM;
        }
        int r = derive(key, salt, one);
        if (r < 0) {
                return r;
        }
        const gnutls_datum_t with = datum(one->key, sizeof(one->key));
        r = gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM, &with);
        if (r < 0) {
                cipher = NULL;
                return result(r);
        }
        r = (seals ? gnutls_aead_cipher_encrypt
                   : gnutls_aead_cipher_decrypt)(cipher, one->nonce, sizeof(one->nonce), name, strlen(name),
                                                 SHARE_TAG_SIZE, from, n_from, to, size);
        secret_wipe_stack();
        return result(r);
}

int share_seal(const uint8_t key[static SHARE_KEY_SIZE], const char *name, const uint8_t *salt,
               const void *padded, size_t n_padded, uint8_t *ret)
{
        uint8_t *sealed = ret + 1 + SHARE_SALT_SIZE;
        size_t size = n_padded + SHARE_TAG_SIZE;

        ret[0] = VERSION;
        memcpy(ret + 1, salt, SHARE_SALT_SIZE);
        int r = run_cipher(key, name, salt, true, padded, n_padded, sealed, &size);
        if (r < 0) {
                return r;
        }
        return size == n_padded + SHARE_TAG_SIZE ? 0 : -EIO;
}

int share_unseal(const uint8_t key[static SHARE_KEY_SIZE], const char *name, const void *value, size_t size,
                 uint8_t **ret, size_t *ret_n_padded)
{
        const uint8_t *bytes = value;

        if (size > SHARE_VALUE_MAX || size <= share_sealed_size(0) ||
            (size - share_sealed_size(0)) % SHARE_PADDING != 0 || bytes[0] != VERSION) {
                return -ENOENT;
        }
        size_t n_padded = size - share_sealed_size(0), n_written = n_padded;
        _cleanup_secret_ uint8_t *padded = secret_alloc(n_padded);
        if (!padded) {
                return -ENOMEM;
        }
        int r = run_cipher(key, name, bytes + 1, false, bytes + 1 + SHARE_SALT_SIZE,
                           n_padded + SHARE_TAG_SIZE, padded, &n_written);
        if (r < 0 || n_written != n_padded) {
                return r == -ENOMEM ? -ENOMEM : -ENOENT;
        }
        *ret = take_ptr(padded);
        *ret_n_padded = n_padded;
        return 0;
}
