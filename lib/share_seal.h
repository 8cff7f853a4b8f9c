/* Values for a store: bytes that only a holder of the same key opens: 01, a salt, and the text under
 * AES-256-GCM, padded so that its length tells next to nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHARE_KEY_SIZE  32
#define SHARE_SALT_SIZE 32
#define SHARE_TAG_SIZE  16
#define SHARE_PADDING   512  /* the text inside is a multiple of this many bytes */
#define SHARE_VALUE_MAX 8192 /* bytes of a value, whatever it is */

/* HKDF-Extract and HKDF-Expand (RFC 5869) with SHA-256. -ENOMEM. -EIO: GnuTLS refuses. */
int share_extract(const void *secret, size_t n_secret, const void *salt, size_t n_salt,
                  uint8_t ret[static SHARE_KEY_SIZE]);
int share_expand(const uint8_t key[static SHARE_KEY_SIZE], const void *info, size_t n_info, void *ret,
                 size_t size);

/* How long the value of a text is, without and with its padding. */
size_t share_padded(size_t n_text);
size_t share_sealed_size(size_t n_padded);

/* Seals n_padded bytes, a multiple of SHARE_PADDING, into share_sealed_size(n_padded) bytes, for one place:
 * `name` is what it will be kept under. -ENOMEM, -EIO. */
int share_seal(const uint8_t key[static SHARE_KEY_SIZE], const char *name, const uint8_t *salt,
               const void *padded, size_t n_padded, uint8_t *ret);

/* Opens it into a block of secret memory, the caller's, of *ret_n_padded bytes, a multiple of SHARE_PADDING.
 * -ENOENT: it cannot be opened with this key for this name. -ENOMEM. */
int share_unseal(const uint8_t key[static SHARE_KEY_SIZE], const char *name, const void *value, size_t size,
                 uint8_t **ret, size_t *ret_n_padded);
