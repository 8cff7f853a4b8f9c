/* Local secret: a new ID and secret of a local key, in secret memory. */
#pragma once

#include "lib/local_key.h"

#define LOCAL_SECRET_LENGTH 64 /* hexadecimal digits: 256 bits */

struct local_secret {
        char id[LOCAL_KEY_ID_MAX + 1];
        char secret[LOCAL_SECRET_LENGTH + 1];
        uint8_t hash[LOCAL_KEY_HASH_SIZE]; /* SHA-256 of the secret's characters */
};

/* Makes one for the key of this name; the caller's for secret_free(). NULL after saying why. */
struct local_secret *local_secret_new(const char *name);

/* Prints the secret, and the ID if it is new as well. */
void local_secret_print(const struct local_secret *secret, const char *id);
