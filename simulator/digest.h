/* SHA-256 in hexadecimal, and random text. Both come from GnuTLS. */
#pragma once

#include <stddef.h>

/* 64 hexadecimal digits and the terminating NUL. */
#define DIGEST_TEXT_SIZE 65

/* Writes the SHA-256 of `size` bytes as lower-case hexadecimal. Returns 0, or -EIO when GnuTLS refuses. */
int digest_text(const void *data, size_t size, char ret_text[static DIGEST_TEXT_SIZE]);

/* digest: the SHA-256 of bytes that arrive in pieces. */
struct digest;

/* Makes an empty digest, which the caller frees. Returns 0, -ENOMEM or -EIO. The second one is of MD5, by
 * which the vendor tells files apart. */
int digest_new(struct digest **ret);
int digest_new_md5(struct digest **ret);
struct digest *digest_free(struct digest *digest);
void digest_freep(struct digest **digest);

/* Adds bytes. Returns 0 or -EIO. */
int digest_add(struct digest *digest, const void *data, size_t size);

/* Writes the text of all bytes so far and starts anew; that of MD5 has 32 digits. NULL stands for a SHA-256
 * of nothing. Returns 0 or -EIO. */
int digest_finish(struct digest *digest, char ret_text[static DIGEST_TEXT_SIZE]);

/* Letters and digits; the second one also has the dot, as session tokens do. */
#define RANDOM_HEX   "0123456789abcdef"
#define RANDOM_TOKEN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789."

/* Writes `length` evenly drawn characters of the alphabet (at most 256 of them) and a NUL. Returns 0 or
 * -EIO. */
int random_text(const char *alphabet, size_t length, char *ret_text);
