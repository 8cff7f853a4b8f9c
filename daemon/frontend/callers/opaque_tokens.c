/* Opaque tokens of local keys. */
#include "daemon/frontend/callers/opaque_tokens.h"

#include "daemon/base/keyed_digest.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static_assert(OPAQUE_TOKEN_MAC_SIZE == KEYED_DIGEST_SIZE && MESSAGE_OPAQUE_KEY_SIZE == KEYED_SALT_SIZE &&
                      OPAQUE_TOKEN_HASH_SIZE == LOCAL_KEY_HASH_SIZE &&
                      OPAQUE_TOKEN_NAME_MAX >= LOCAL_KEY_NAME_MAX && OPAQUE_TOKEN_ID_MAX >= LOCAL_KEY_ID_MAX,
              "a MAC is a keyed digest, and everything of a local key has its place");

static int make_mac(const uint8_t mac_key[static MESSAGE_OPAQUE_KEY_SIZE], const struct local_key *key,
                    const uint8_t *secret_hash, const struct opaque_token *token,
                    uint8_t ret[static OPAQUE_TOKEN_MAC_SIZE])
{
        const struct opaque_token_key bound = { key->environment, key->id, secret_hash };
        uint8_t bytes[OPAQUE_TOKEN_BOUND_MAX];
        size_t length = opaque_token_bound(token, &bound, bytes);

        return keyed_digest((const char *)bytes, length, mac_key, ret);
}

int opaque_tokens_make(const struct known_opaque_keys *keys, const struct local_key *key,
                       const uint8_t *secret_hash, uid_t uid, int64_t expires_sec,
                       char ret[static OPAQUE_TOKEN_TEXT_MAX + 1])
{
        struct opaque_token token = { .expires_sec = expires_sec,
                                      .uid = key->callers.n > 0 ? uid : OPAQUE_TOKEN_ANY_UID };

        if (!keys || keys->n == 0) {
                return -ENODATA;
        }
        (void)snprintf(token.name, sizeof(token.name), "%s", key->name);
        if (getrandom(token.nonce, sizeof(token.nonce), GRND_NONBLOCK) != sizeof(token.nonce)) {
                return -EIO;
        }
        int r = make_mac(keys->keys[0], key, secret_hash, &token, token.mac);
        if (r < 0) {
                return r;
        }
        opaque_token_format(&token, ret);
        return 0;
}

static bool is_by(const struct known_opaque_keys *keys, const struct local_key *key,
                  const uint8_t *secret_hash, const struct opaque_token *token)
{
        uint8_t mac[OPAQUE_TOKEN_MAC_SIZE];
        bool found = false;

        for (size_t i = 0; i < keys->n; i++) {
                found = (make_mac(keys->keys[i], key, secret_hash, token, mac) >= 0 &&
                         secret_equal(mac, token->mac, sizeof(mac))) ||
                        found;
        }
        return found;
}

const uint8_t *opaque_tokens_known(const struct known_opaque_keys *keys, const struct local_key *key,
                                   const struct opaque_token *token, int64_t now_sec)
{
        if (!keys) {
                return NULL;
        }
        if (is_by(keys, key, key->secret_hash, token)) {
                return key->secret_hash;
        }
        if (key->has_old && now_sec < key->old_until_sec && is_by(keys, key, key->old_secret_hash, token)) {
                return key->old_secret_hash;
        }
        return NULL;
}
