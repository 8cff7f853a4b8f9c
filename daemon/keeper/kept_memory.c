/* The kept memory of an environment, as far as it may take it up.
 *
 * Its exchanges count on in any case: no other base URL and no other account is a way round floor and
 * budget. All else belongs to the upstream and to the account that it was seen at. */
#include "daemon/keeper/kept_memory.h"

#include "lib/util.h"

#include <stdio.h>

/* The other upstream's wishes and refusals are none of this one. */
static struct refresh_past moved_past(const struct refresh_past *past)
{
        struct refresh_past moved = *past;

        moved.retry_after_usec = 0;
        moved.unauthorized_usec = 0;
        moved.elsewhere = true;
        return moved;
}

static void take_known(const struct environment_settings *settings, const struct known_environment *known,
                       struct environment_memory *ret)
{
        bool moved = !streq(known->base_url, settings->base_url);
        bool other = settings->account && *known->account && !streq(known->account, settings->account);

        ret->past = moved ? moved_past(&known->past) : known->past;
        ret->past.elsewhere = moved || other;
        if (!moved && !other) {
                memcpy(ret->account, known->account, sizeof(ret->account));
                memcpy(ret->keys, known->keys, sizeof(ret->keys));
                ret->n_keys = known->n_keys;
        }
}

/* Older programs kept their sessions, and nothing that is known of keys and accounts: the session proves
 * its key, and says whose it is. */
static void learn_from_session(const struct saved_environment *saved, struct environment_memory *ret)
{
        struct known_key *key = &ret->keys[ret->n_keys++];

        (void)snprintf(ret->account, sizeof(ret->account), "%s", saved->session->mage_id);
        memcpy(key->digest, saved->key_digest, sizeof(key->digest));
        key->known = (struct key_knowledge){ .standing = KEY_GOOD, .seen_usec = saved->session->sent_usec };
}

static const char *unfit(const struct environment_settings *settings, const struct saved_environment *saved,
                         const char *account, uint64_t now_usec)
{
        const char *mage_id = saved->session->mage_id;

        if (!streq(saved->base_url, settings->base_url)) {
                return "the environment's base URL has changed";
        }
        if (!session_alive(saved->session, now_usec)) {
                return "it has expired";
        }
        account = settings->account ? settings->account : account;
        return *account && !streq(account, mage_id) ? "it is of another account" : NULL;
}

const char *kept_memory_join(const struct environment_settings *settings,
                             const struct known_environment *known, const struct saved_environment *saved,
                             uint64_t now_usec, struct environment_memory *ret)
{
        *ret = (struct environment_memory){ .n_keys = 0 };
        if (known) {
                take_known(settings, known, ret);
        }
        if (!saved) {
                return NULL;
        }
        bool moved = !streq(saved->base_url, settings->base_url);
        const struct refresh_past past = moved ? moved_past(&saved->past) : saved->past;
        refresh_past_join(&ret->past, &past);
        ret->past.elsewhere = ret->past.elsewhere || moved;
        const char *why = saved->session ? unfit(settings, saved, ret->account, now_usec) : NULL;
        if (saved->session && !why) {
                /* With another lifetime asked for, or less granted than that, it is not known any more. */
                bool as_asked = saved->session->lifetime_sec == settings->lifetime_sec;
                ret->session = saved->session;
                ret->token =
                        (struct refresh_token){ .expires_usec = saved->session->expires_usec,
                                                .refresh_point_usec = saved->refresh_point_usec,
                                                .life_usec = saved->session->lifetime_sec * USEC_PER_SEC,
                                                .attainable_sec = as_asked ? saved->attainable_sec : 0,
                                                .reported = saved->reported };
                memcpy(ret->session_key_digest, saved->key_digest, sizeof(ret->session_key_digest));
                if (!known) {
                        learn_from_session(saved, ret);
                }
        }
        return why;
}
