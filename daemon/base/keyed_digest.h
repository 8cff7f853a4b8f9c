/* A keyed digest (HMAC-SHA256, RFC 2104): the same text and the same salt give the same digest, and nobody
 * gets the text back. */
#pragma once

#include "lib/keys_view.h"

#include <stddef.h>
#include <stdint.h>

/* -EIO: the library refuses. */
int keyed_digest(const char *text, size_t length, const uint8_t salt[static KEYED_SALT_SIZE],
                 uint8_t ret[static KEYED_DIGEST_SIZE]);
