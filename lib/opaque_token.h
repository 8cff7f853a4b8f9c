/* The opaque token of a local key: a client's token in place of a real one, as text and as values.
 *
 *     eqpl1.NAME.BBBB…        the local key's name, then 80 characters of base64url
 *
 * The bytes are: when it ends, whose it is, a nonce, and a MAC (HMAC-SHA256) over all of these and over what
 * the token does not carry: environment, the key's ID and the hash of its secret. So it is good for one
 * environment and one key, for one user where the key has `caller =`, and not for a key that was removed and
 * made anew under the same name. Nothing has to be remembered of it.
 *
 * Here is its form. The MAC is calculated by the process that has the MAC key, over opaque_token_bound(). */
#pragma once

#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPAQUE_TOKEN_PREFIX     "eqpl1."
#define OPAQUE_TOKEN_NAME_MAX   32 /* characters of the local key's name */
#define OPAQUE_TOKEN_NONCE_SIZE 16
#define OPAQUE_TOKEN_MAC_SIZE   32
#define OPAQUE_TOKEN_HASH_SIZE  32         /* of the local key's secret */
#define OPAQUE_TOKEN_ANY_UID    UINT32_MAX /* nobody's number: the token is bound to no user */
/* Characters of the text, without the NUL. */
#define OPAQUE_TOKEN_TEXT_MAX (sizeof(OPAQUE_TOKEN_PREFIX) - 1 + OPAQUE_TOKEN_NAME_MAX + 1 + 80)
/* No token lives longer: one that seems to is from a time when the clock was wrong. */
#define OPAQUE_TOKEN_LIFE_MAX_SEC (24 * 3600)

struct opaque_token {
        char name[OPAQUE_TOKEN_NAME_MAX + 1];
        int64_t expires_sec; /* wall clock */
        uint32_t uid;        /* or OPAQUE_TOKEN_ANY_UID */
        uint8_t nonce[OPAQUE_TOKEN_NONCE_SIZE];
        uint8_t mac[OPAQUE_TOKEN_MAC_SIZE];
};

/* The facts that the token is bound to, beside those that it carries. Borrowed. */
struct opaque_token_key {
        const char *environment;
        const char *id;             /* at most OPAQUE_TOKEN_ID_MAX characters */
        const uint8_t *secret_hash; /* OPAQUE_TOKEN_HASH_SIZE */
};
#define OPAQUE_TOKEN_ID_MAX 256

/* Does the text begin as our tokens do? */
bool opaque_token_looks_like(const char *text);

/* Reads the one spelling that a token has. -EINVAL: it is none. The MAC is not checked. */
int opaque_token_parse(const char *text, struct opaque_token *ret);

/* The other way round. */
void opaque_token_format(const struct opaque_token *token, char ret[static OPAQUE_TOKEN_TEXT_MAX + 1]);

/* The bytes that the MAC is over: for no two of all values the same. */
#define OPAQUE_TOKEN_BOUND_MAX                                                                              \
        (sizeof("eqp-broker opaque token 1") + ENVIRONMENT_NAME_MAX + 1 + OPAQUE_TOKEN_NAME_MAX + 1 +       \
         OPAQUE_TOKEN_ID_MAX + 1 + OPAQUE_TOKEN_HASH_SIZE + 8 + 4 + OPAQUE_TOKEN_NONCE_SIZE)
size_t opaque_token_bound(const struct opaque_token *token, const struct opaque_token_key *key,
                          uint8_t ret[static OPAQUE_TOKEN_BOUND_MAX]);

/* Is it over, or does it claim to live longer than any may? */
bool opaque_token_expired(const struct opaque_token *token, int64_t now_sec);
