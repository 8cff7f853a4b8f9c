/* The store's answers to a claim: how long an exchange that is due waits for others, if at all.
 *
 * Each of these moments is drawn at random, as many brokers have the same token. */
#include "lib/backoff.h"
#include "lib/refresh.h"
#include "lib/refresh_found.h"
#include "lib/refresh_plan.h"
#include "lib/refresh_store.h"
#include "lib/util.h"

/* An exchange under way elsewhere takes some tenths of a second, or up to 20 s. */
static const struct backoff_policy leased_backoff = { 250 * USEC_PER_MSEC, 8 * USEC_PER_SEC, 50 };
/* ... which is not waited for while there is a good token. */
static const struct backoff_policy calm_leased_backoff = { 2 * USEC_PER_SEC, 30 * USEC_PER_SEC, 50 };

/* The broker whose cool-down it is tries again at its end: all others look a moment later, not all at once.
 */
#define COOL_MARGIN_USEC (1 * USEC_PER_SEC)
#define COOL_SPREAD_USEC (4 * USEC_PER_SEC)
/* ... where there is time; however little of it was left when they asked. */
#define CALM_COOL_SPREAD_USEC (25 * USEC_PER_SEC)

/* A store that always finds a reason is asked less often. */
#define MANY_WAITS 16

#define TRIAL_PATIENCE_MIN_USEC (1 * USEC_PER_MIN)
#define TRIAL_PATIENCE_MAX_USEC (10 * USEC_PER_MIN)

#define PATIENCE_MIN_USEC (25 * USEC_PER_SEC)
#define PATIENCE_MAX_USEC (100 * USEC_PER_SEC)
/* With the claim before it an attempt follows the one before within 115 s. */
#define ATTEMPT_USEC (110 * USEC_PER_SEC)

static void go(struct refresh *refresh, uint64_t serial)
{
        refresh->store.go_serial = serial;
        if (refresh->in_flight_share != REFRESH_SHARE_TRIAL) {
                refresh->store.wait_usec = 0; /* else need waits on */
        }
}

/* Not too long after this moment either, if it was and is not long ago. */
static uint64_t within(uint64_t until, uint64_t since_usec, uint64_t now_usec)
{
        uint64_t by = since_usec > 0 ? since_usec + ATTEMPT_USEC : 0;

        return by > now_usec ? MIN_OF(until, by) : until;
}

static uint64_t draw_patience(const struct refresh *refresh, uint64_t now_usec, uint32_t random)
{
        uint64_t until = now_usec + random_between(PATIENCE_MIN_USEC, PATIENCE_MAX_USEC, random);

        until = within(until, refresh->store.attempt_usec, now_usec);
        /* The budget may have spaced attempts already, for tokens of seconds. */
        return refresh->has_token ? until : within(until, refresh->expires_usec, now_usec);
}

/* The exchange is put off, if it may be. */
static void wait_for_others(struct refresh *refresh, uint64_t wait_usec, uint64_t now_usec, uint32_t random)
{
        struct refresh_store *store = &refresh->store;
        bool good = refresh_token_good(refresh, now_usec);

        if (store->patience_usec == 0 && (!good || refresh_is_demanded(refresh))) {
                store->patience_usec = draw_patience(refresh, now_usec, random);
        }
        if (!refresh_store_trusted(refresh, now_usec)) {
                go(refresh, refresh->in_flight_key);
                return;
        }
        if (++store->n_waits > MANY_WAITS) {
                wait_usec = MAX_OF(wait_usec, REFRESH_LONG_WAIT_USEC);
        }
        store->wait_usec = now_usec + wait_usec;
        if (refresh_token_lives(refresh, now_usec)) {
                store->wait_usec = MIN_OF(store->wait_usec, store->own_usec);
                uint64_t chance = refresh->last_chance_usec;
                store->wait_usec =
                        MIN_OF(store->wait_usec,
                               chance > now_usec && chance < USEC_NEVER ? chance : refresh->expires_usec);
        }
        if (store->patience_usec > now_usec) {
                store->wait_usec = MIN_OF(store->wait_usec, store->patience_usec);
        }
}

/* A trial has more time: others may be about to prove that key. */
static void put_trial_off(struct refresh *refresh, uint64_t wait_usec, uint64_t now_usec, uint32_t random)
{
        const struct key_state *key = keyring_find(&refresh->keyring, refresh->in_flight_key);
        uint64_t patience = random_between(TRIAL_PATIENCE_MIN_USEC, TRIAL_PATIENCE_MAX_USEC, random);

        if (refresh->round || !key || usec_add(key->trial_usec, patience) <= now_usec) {
                go(refresh, refresh->in_flight_key);
        } else {
                keyring_put_trial_off(&refresh->keyring, refresh->in_flight_key, now_usec + wait_usec);
        }
}

static void on_leased(struct refresh *refresh, uint64_t now_usec, uint32_t random)
{
        if (refresh->in_flight_share == REFRESH_SHARE_TRIAL) {
                put_trial_off(refresh, REFRESH_LONG_WAIT_USEC, now_usec, random);
                return;
        }
        const struct backoff_policy *policy =
                refresh_token_good(refresh, now_usec) ? &calm_leased_backoff : &leased_backoff;
        wait_for_others(refresh, backoff_usec(policy, ++refresh->store.n_leased, random), now_usec, random);
}

/* The key is left alone; if there is another one, that is looked at at once. */
static void on_cool(struct refresh *refresh, uint64_t left_usec, uint64_t now_usec, uint32_t random)
{
        struct refresh_store *store = &refresh->store;
        uint64_t left = MIN_OF(left_usec, REFRESH_COOL_MAX_USEC);
        uint64_t least = refresh_token_good(refresh, now_usec) ? CALM_COOL_SPREAD_USEC : COOL_SPREAD_USEC;
        uint64_t spread = random_between(0, MAX_OF(left / 4, least), random);

        if (refresh->in_flight_share == REFRESH_SHARE_TRIAL) {
                put_trial_off(refresh, left + REFRESH_LONG_WAIT_USEC + spread, now_usec, random);
                return;
        }
        store->n_leased = 0;
        wait_for_others(refresh, left + COOL_MARGIN_USEC + spread, now_usec, random);
        if (store->wait_usec > 0) {
                keyring_cool(&refresh->keyring, refresh->in_flight_key, store->wait_usec);
                store->wait_usec = MIN_OF(store->wait_usec, keyring_warm_usec(&refresh->keyring, now_usec));
        }
}

struct refresh_step refresh_on_claim(struct refresh *refresh, const struct refresh_claim *claim,
                                     uint64_t now_usec, uint32_t random)
{
        struct refresh_step found = { 0 };
        enum refresh_claim_kind kind = claim->kind;

        if (!refresh->claiming || !refresh->store.used) {
                return refresh_plan(refresh, now_usec); /* it was given up, or is to be */
        }
        refresh->claiming = refresh->store.failed = false;
        if (kind == REFRESH_CLAIM_FOUND) {
                kind = refresh_on_found(refresh, claim, now_usec, random, &found);
        }
        if (found.adopted && kind == REFRESH_CLAIM_COOL) {
                kind = REFRESH_CLAIM_LEASED; /* the next key might have another token, and so on */
        }
        switch (kind) {
        case REFRESH_CLAIM_FOUND:
                break;
        case REFRESH_CLAIM_LEASED:
                on_leased(refresh, now_usec, random);
                break;
        case REFRESH_CLAIM_COOL:
                on_cool(refresh, claim->left_usec, now_usec, random);
                break;
        case REFRESH_CLAIM_HELD:
                go(refresh, refresh->in_flight_key);
                break;
        default:
                refresh_store_rest(refresh, now_usec);
        }
        /* Likewise, as another key may be chosen now. */
        if (found.adopted && refresh->store.go_serial != 0) {
                refresh->store.go_serial = REFRESH_ANY_SERIAL;
        }
        struct refresh_step step = refresh_plan(refresh, now_usec);
        refresh->store.go_serial = 0;
        step.adopted = found.adopted;
        return step;
}
