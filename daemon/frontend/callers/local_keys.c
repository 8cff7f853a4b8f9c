/* Local keys and their opaque tokens in requests, judged.
 *
 * A key's fault is shown only to callers who have shown that it is theirs; an ID that there is not
 * and a wrong secret look the same. */
#include "daemon/frontend/callers/local_keys.h"

#include "daemon/frontend/callers/basic_auth.h"
#include "daemon/frontend/callers/opaque_tokens.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

#define BEARER            "Bearer"
#define RESEMBLING_LENGTH 6 /* characters that an ID has in common with one of ours */

static_assert(BASIC_AUTH_HASH_SIZE == LOCAL_KEY_HASH_SIZE, "a sent hash is compared with a set one");

static const struct {
        const char *name;
        unsigned status;
        const char *slug, *message;
} refusals[_LOCAL_REFUSAL_COUNT] = {
        [LOCAL_REFUSAL_SECRET] = { "secret", 401, "local_key_refused",
                                   "ID and secret match no local key here: 'eqpctl local list' shows "
                                   "those there are, 'eqpctl local add' makes one, 'eqpctl local rotate' "
                                   "gives one a new secret" },
        [LOCAL_REFUSAL_TOKEN] = { "token", 401, "bearer_unknown",
                                  "the token is none of this environment, user and time, or its local key "
                                  "has changed: get another one from /rest/v1/app/session/token" },
        [LOCAL_REFUSAL_ENVIRONMENT] = { "environment", 401, "local_key_refused",
                                        "the local key is of another environment: see 'environment =' in "
                                        "its section, and the path that was asked for" },
        [LOCAL_REFUSAL_CALLER] = { "caller", 401, "local_key_refused",
                                   "this user may not use the local key: see 'caller =' in its section" },
        [LOCAL_REFUSAL_EXPIRED] = { "expired", 401, "local_key_refused",
                                    "the local key has expired: see 'expires =' in its section" },
        [LOCAL_REFUSAL_SLOW] = { "slow", 429, "too_many_requests",
                                 "this user has sent too many wrong secrets of local keys: correct the "
                                 "secret, and wait as Retry-After says" },
};

const char *local_refusal_name(enum local_refusal refusal)
{
        return refusals[refusal].name;
}

/* ---- refusing ---- */

static void refuse(struct local_keys *keys, enum local_refusal refusal, const struct local_key *key,
                   struct carried_key *ret)
{
        keys->n_refused[refusal]++;
        *ret = (struct carried_key){ .kind = CARRIED_REFUSED,
                                     .key = key,
                                     .status = refusals[refusal].status,
                                     .slug = refusals[refusal].slug,
                                     .message = refusals[refusal].message };
}

/* True: this user is not heard now. */
static bool is_slowed(struct local_keys *keys, const struct local_look *look, struct carried_key *ret)
{
        uint64_t until_usec;

        if (!wrong_secrets_too_many(&keys->wrong, look->caller->uid, look->now_usec, &until_usec)) {
                return false;
        }
        refuse(keys, LOCAL_REFUSAL_SLOW, NULL, ret);
        ret->kind = CARRIED_SLOW;
        ret->retry_after_sec = (uint32_t)((until_usec - look->now_usec) / USEC_PER_SEC + 1);
        return true;
}

/* ---- what happens to keys ---- */

/* Into the order of the settings: both lists are sorted by name. */
static bool reorder(struct local_keys *keys, const struct known *known)
{
        const struct access_settings *settings = known->settings;
        struct local_key_count *counts;
        size_t from = 0;

        if (keys->generation == known->generation) {
                return keys->counts;
        }
        counts = calloc(settings->n_local_keys + 1, sizeof(*counts));
        if (!counts) {
                return false;
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                const char *name = settings->local_keys[i].name;
                memcpy(counts[i].name, name, sizeof(counts[i].name));
                while (from < keys->n_counts && strcmp(keys->counts[from].name, name) < 0) {
                        from++;
                }
                if (from < keys->n_counts && streq(keys->counts[from].name, name)) {
                        counts[i] = keys->counts[from];
                }
        }
        free(keys->counts);
        keys->counts = counts;
        keys->n_counts = settings->n_local_keys;
        keys->generation = known->generation;
        return true;
}

static void note_use(struct local_keys *keys, const struct known *known, const struct local_key *key,
                     uint64_t now_usec)
{
        if (reorder(keys, known)) {
                keys->counts[key - known->settings->local_keys].last_usec = now_usec;
        }
}

/* ---- looking ---- */

/* The key is whose it says: is it good for this environment and caller, now? */
static void judge(struct local_keys *keys, const struct known *known, int environment,
                  const struct local_key *key, const struct local_look *look, struct carried_key *ret)
{
        if (environment >= 0 && !streq(key->environment, known->settings->environments[environment].name)) {
                refuse(keys, LOCAL_REFUSAL_ENVIRONMENT, key, ret);
        } else if (key->callers.n > 0 && !access_rules_allow(&key->callers, look->caller)) {
                refuse(keys, LOCAL_REFUSAL_CALLER, key, ret);
        } else if (key->expires_sec != 0 && look->now_sec >= key->expires_sec) {
                refuse(keys, LOCAL_REFUSAL_EXPIRED, key, ret);
        } else {
                ret->kind = CARRIED_LOCAL;
                ret->key = key;
                note_use(keys, known, key, look->now_usec);
        }
}

/* The hash of the secret that it is; NULL: it is none of the key's. Takes as long for a key that there is
 * not. */
static const uint8_t *match_secret(const struct local_key *key, const uint8_t *hash, int64_t now_sec)
{
        static const struct local_key nobody;
        const struct local_key *compared = key ? key : &nobody;
        bool same = secret_equal(compared->secret_hash, hash, LOCAL_KEY_HASH_SIZE);
        bool same_old = secret_equal(compared->old_secret_hash, hash, LOCAL_KEY_HASH_SIZE);

        if (!key) {
                return NULL;
        }
        return same                                                       ? key->secret_hash
               : same_old && key->has_old && now_sec < key->old_until_sec ? key->old_secret_hash
                                                                          : NULL;
}

static int look_at_pair(struct local_keys *keys, const struct known *known, int environment,
                        const char *authorization, const struct local_look *look, struct carried_key *ret)
{
        _cleanup_free_ char *id = NULL;
        uint8_t hash[BASIC_AUTH_HASH_SIZE];

        int r = basic_auth_read(authorization, &id, hash);
        if (r < 0) {
                return r == -EINVAL ? 0 : r;
        }
        const struct local_key *key = access_settings_key_of_id(known->settings, id);
        if (!key && !look->must) {
                return 0;
        }
        if (is_slowed(keys, look, ret)) {
                ret->unknown_id = !key;
                return 0;
        }
        const uint8_t *matched = match_secret(key, hash, look->now_sec);
        if (!matched) {
                wrong_secrets_note(&keys->wrong, look->caller->uid, look->now_usec);
                refuse(keys, LOCAL_REFUSAL_SECRET, NULL, ret);
                ret->unknown_id = !key;
                return 0;
        }
        ret->secret_hash = matched;
        judge(keys, known, environment, key, look, ret);
        return 0;
}

static void look_at_token(struct local_keys *keys, const struct known *known, int environment,
                          const char *text, const struct local_look *look, struct carried_key *ret)
{
        const struct local_key *key = NULL;
        struct opaque_token token;

        if (opaque_token_parse(text, &token) >= 0) {
                key = access_settings_key(known->settings, token.name);
        }
        int of = key ? known_find(known, key->environment) : -1;
        const uint8_t *matched =
                of >= 0 ? opaque_tokens_known(known->environments[of]->opaque, key, &token, look->now_sec)
                        : NULL;
        bool fits = matched && (token.uid == OPAQUE_TOKEN_ANY_UID || token.uid == look->caller->uid);
        if (!fits || opaque_token_expired(&token, look->now_sec)) {
                refuse(keys, LOCAL_REFUSAL_TOKEN, NULL, ret);
                return;
        }
        ret->by_token = true;
        ret->secret_hash = matched;
        judge(keys, known, environment, key, look, ret);
}

/* The token of a Bearer header; NULL: it is another one. */
static const char *bearer(const char *authorization)
{
        size_t scheme = strlen(BEARER);

        if (strncasecmp(authorization, BEARER, scheme) != 0 || authorization[scheme] != ' ') {
                return NULL;
        }
        return authorization + scheme + strspn(authorization + scheme, " ");
}

int local_keys_look(struct local_keys *keys, const struct known *known, int environment,
                    const char *authorization, const struct local_look *look, struct carried_key *ret)
{
        const char *token = authorization ? bearer(authorization) : NULL;

        *ret = (struct carried_key){ .kind = authorization ? CARRIED_OTHER : CARRIED_NOTHING };
        if (!authorization) {
                return 0;
        }
        if (!token) {
                return look_at_pair(keys, known, environment, authorization, look, ret);
        }
        if (opaque_token_looks_like(token)) {
                look_at_token(keys, known, environment, token, look, ret);
        }
        return 0;
}

bool local_keys_resemble(const struct known *known, const char *id)
{
        const struct access_settings *settings = known->settings;

        for (size_t i = 0; i < settings->n_local_keys; i++) {
                if (strncasecmp(settings->local_keys[i].id, id, RESEMBLING_LENGTH) == 0) {
                        return true;
                }
        }
        return strncasecmp(id, "lk-", strlen("lk-")) == 0;
}

/* ---- counts ---- */

void local_keys_count_token(struct local_keys *keys, const struct known *known, const struct local_key *key)
{
        if (reorder(keys, known)) {
                keys->counts[key - known->settings->local_keys].n_tokens++;
        }
}

const struct local_key_count *local_keys_counts(struct local_keys *keys, const struct known *known)
{
        return reorder(keys, known) ? keys->counts : NULL;
}

void local_keys_clear(struct local_keys *keys)
{
        free(keys->counts);
        *keys = (struct local_keys){ .n_counts = 0 };
}
