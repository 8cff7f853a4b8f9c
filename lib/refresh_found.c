/* A token of others, found in the store: is it of use, when is it to be replaced, and by whom?
 *
 * A token that is found early in its life is refreshed at a point of its own, and until then the store is
 * left alone. One that is found late serves as well, and an exchange is due at once: it is made by the
 * broker that was given the lease with the token; all others wait for it, as for any other. */
#include "lib/refresh_found.h"

#include "lib/backoff.h"
#include "lib/refresh_schedule.h"
#include "lib/refresh_store.h"
#include "lib/util.h"

/* Not even for tokens of a second is the store asked more often. */
#define SHORT_WAIT_USEC (4 * USEC_PER_SEC)

/* The times of a token found, as far as they can be true. */
struct found {
        uint64_t issued_usec, expires_usec;
};

static struct found times_of(const struct refresh_claim *claim, uint64_t now_usec)
{
        uint64_t issued = MIN_OF(claim->issued_usec, now_usec);
        uint64_t expires = usec_add(issued, claim->lifetime_sec * USEC_PER_SEC);

        return (struct found){ issued, MIN_OF(claim->expires_usec, expires) };
}

static bool is_of_use(const struct refresh *refresh, const struct refresh_claim *claim,
                      const struct found *found, uint64_t now_usec)
{
        return found->expires_usec > now_usec &&
               (claim->new_account || !refresh_token_good(refresh, now_usec) ||
                found->expires_usec > refresh->expires_usec);
}

/* An operator wants an exchange, whatever there is. */
static bool grants_wish(const struct refresh *refresh, uint64_t now_usec)
{
        uint64_t left = refresh->expires_usec - now_usec;

        return refresh->wish_reason == REFRESH_REPORTED ||
               (refresh->wish_reason == REFRESH_DEMANDED &&
                left >= refresh->store.min_ttl_sec * USEC_PER_SEC);
}

/* Its own time has begun, or is about to: an exchange is due. */
static bool is_late(const struct found *found, uint64_t now_usec)
{
        uint64_t life = found->expires_usec - found->issued_usec;
        uint64_t tenths = life >= REFRESH_LAST_CHANCE_LIFE_USEC ? 8 : 6;

        return now_usec >= found->issued_usec + life / 10 * tenths;
}

/* Many find a late token at once, as all do that start after a night: so its moments are drawn within the
 * rest of its life. */
static void draw_late(struct refresh *refresh, const struct found *found, uint64_t now_usec, uint32_t random)
{
        uint64_t half = (found->expires_usec - now_usec) / 2;
        uint64_t chance = MIN_OF(half, (found->expires_usec - found->issued_usec) / 100);

        refresh->store.own_usec = now_usec + random_between(half / 2, half, random);
        if (refresh->last_chance_usec < now_usec + chance / 2) {
                refresh->last_chance_usec = now_usec + random_between(chance / 2, chance, random);
        }
}

/* Somebody was answered otherwise than with 401. */
static void note_grant(struct refresh *refresh, const struct found *found, uint64_t now_usec)
{
        if (found->issued_usec > refresh->unauthorized_usec) {
                refresh_end_patience(refresh, now_usec);
        }
}

/* again: the token before was found late, too, and there was no exchange since: one after the other does not
 * put an exchange off for ever. */
static void adopt(struct refresh *refresh, const struct refresh_claim *claim, const struct found *found,
                  bool again, uint64_t now_usec, uint32_t random)
{
        struct refresh_store *store = &refresh->store;
        uint32_t left_sec = (uint32_t)((found->expires_usec - now_usec) / USEC_PER_SEC);
        uint64_t own_usec = again ? store->own_usec : USEC_NEVER;

        if (refresh_token_good(refresh, now_usec)) {
                store->n_rejected = 0; /* the one before was not */
        }
        keyring_found(&refresh->keyring, refresh->in_flight_key, found->issued_usec, now_usec);
        refresh->n_failures = refresh->n_before = 0;
        refresh->round = refresh->rounded = refresh->trial_rounded = false;
        note_grant(refresh, found, now_usec);
        refresh->has_token = true;
        refresh->token_serial = claim->token_serial;
        refresh->expires_usec = found->expires_usec;
        if (refresh->attainable_sec > 0) {
                refresh->attainable_sec = MAX_OF(refresh->attainable_sec, left_sec);
        }
        store->found = true;
        store->wait_usec = 0;
        store->lifetime_sec = claim->lifetime_sec;
        refresh_schedule(refresh, found->issued_usec, found->expires_usec - found->issued_usec, random);
        store->late = is_late(found, now_usec);
        if (store->late) {
                draw_late(refresh, found, now_usec, random);
                store->own_usec = MIN_OF(own_usec, store->own_usec);
        }
}

/* Tokens that end soon, one after the other, are no reason never to ask the upstream. */
static void forget_waits(struct refresh *refresh, uint64_t now_usec)
{
        if (refresh->expires_usec >= now_usec + REFRESH_COOL_MAX_USEC) {
                refresh_store_forget(refresh);
        }
        refresh->store.n_leased = 0;
}

static void look_again_later(struct refresh *refresh, uint64_t now_usec)
{
        struct refresh_store *store = &refresh->store;

        store->wait_usec = MIN_OF(now_usec + REFRESH_LONG_WAIT_USEC, store->own_usec);
        store->wait_usec = MAX_OF(store->wait_usec, now_usec + SHORT_WAIT_USEC);
}

enum refresh_claim_kind refresh_on_found(struct refresh *refresh, const struct refresh_claim *claim,
                                         uint64_t now_usec, uint32_t random, struct refresh_step *step)
{
        const enum refresh_claim_kind otherwise =
                claim->otherwise == REFRESH_CLAIM_FOUND ? REFRESH_CLAIM_HELD : claim->otherwise;
        const struct found found = times_of(claim, now_usec);

        const struct key_state *key = keyring_find(&refresh->keyring, refresh->in_flight_key);
        bool trial = refresh->in_flight_share == REFRESH_SHARE_TRIAL && !refresh->round;

        if (trial && key && found.issued_usec <= key->known.seen_usec) {
                return otherwise; /* it proves nothing */
        }
        if (!is_of_use(refresh, claim, &found, now_usec)) {
                if (!trial) {
                        return otherwise;
                }
                (void)keyring_proven(&refresh->keyring, refresh->in_flight_key, found.issued_usec);
                note_grant(refresh, &found, now_usec);
                return REFRESH_CLAIM_FOUND;
        }
        bool again = refresh->store.late && refresh_token_good(refresh, now_usec);
        adopt(refresh, claim, &found, again, now_usec, random);
        step->adopted = true;
        if (refresh->wish_usec != USEC_NEVER && !grants_wish(refresh, now_usec)) {
                return otherwise;
        }
        refresh->wish_usec = USEC_NEVER;
        if (!again || !refresh->store.late) {
                forget_waits(refresh, now_usec);
        }
        if (refresh->store.late) {
                return otherwise; /* it serves while one of the finders replaces it */
        }
        look_again_later(refresh, now_usec);
        return REFRESH_CLAIM_FOUND;
}
