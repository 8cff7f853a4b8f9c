/* Opaque tokens of local keys: made, and known again by their MAC. Nothing is remembered of them. */
#pragma once

#include "daemon/frontend/known/known.h"
#include "lib/opaque_token.h"

/* A token of this key, made with the secret of this hash, bound to the user uid where the key has callers.
 * -ENODATA: there is nothing to make it with yet. -EIO: there is no randomness, or the library refuses. */
int opaque_tokens_make(const struct known_opaque_keys *keys, const struct local_key *key,
                       const uint8_t *secret_hash, uid_t uid, int64_t expires_sec,
                       char ret[static OPAQUE_TOKEN_TEXT_MAX + 1]);

/* Is it one of this key's? Returns the hash of the secret that it was made with, which is the key's now, or
 * was until lately; NULL: it is not. Whether it is over, and whose it is, is not looked at. */
const uint8_t *opaque_tokens_known(const struct known_opaque_keys *keys, const struct local_key *key,
                                   const struct opaque_token *token, int64_t now_sec);
