/* An answer's ETag, and whether a client has that answer already (If-None-Match; RFC 9110, sections 8.8.3
 * and 13.1.2). Ours is weak: the same token comes with fewer seconds left each time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETAG_DIGEST_SIZE 16 /* bytes */
#define ETAG_TEXT_MAX    (sizeof("W/\"\"") + 2 * ETAG_DIGEST_SIZE)

/* Writes W/"…" with the digest in hexadecimal. Returns buffer. */
const char *etag_format(const uint8_t digest[static ETAG_DIGEST_SIZE], char buffer[static ETAG_TEXT_MAX]);

/* Does this value of If-None-Match name the tag: in its list, by weak comparison, or by "*"? A value that is
 * not spelt well names none from where it goes wrong. */
bool etag_is_named(const char *etag, const char *if_none_match);
