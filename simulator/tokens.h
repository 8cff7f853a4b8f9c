/* tokens: the session tokens that one environment has issued, kept as digests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When so many are remembered, the oldest is forgotten, which ends it. */
#define TOKENS_MAX 100000

struct tokens;

/* Makes an empty set, which the caller frees. Returns 0 or -ENOMEM. */
int tokens_new(struct tokens **ret);
struct tokens *tokens_free(struct tokens *tokens);

/* Remembers a token until `expires_usec` (CLOCK_BOOTTIME); one that is known gets the new end. Returns 0,
 * -ENOMEM or -EIO. */
int tokens_add(struct tokens *tokens, const char *ust, size_t size, uint64_t expires_usec);

/* Whether the token was issued here, has not expired and has not been revoked. */
bool tokens_is_active(const struct tokens *tokens, const char *ust, size_t size, uint64_t now_usec);

/* When the token with the digest expires (CLOCK_BOOTTIME), which may be over. Returns 0, or -ENOENT if it
 * was not issued here, is forgotten or has been revoked. */
int tokens_find(const struct tokens *tokens, const char *ust_sha256, uint64_t *ret_expires_usec);

/* How many are active. */
size_t tokens_active(const struct tokens *tokens, uint64_t now_usec);

/* Ends the token with the digest, or all of them when it is NULL; returns how many there were. */
size_t tokens_revoke(struct tokens *tokens, const char *ust_sha256);
