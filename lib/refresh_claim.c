/* The store that brokers with the same key share, as the refresh machine sees it.
 *
 * An exchange whose time has come is claimed first. The store may answer that there is a token already, or
 * that another broker is about to get one, or has tried in vain just now: then the exchange is put off. It
 * is never believed for long. While the token in hand is good, it can put exchanges off until 80 to 90 % of
 * that token's life (60 to 70 % of one shorter than 10 min); without one for 100 s at most, and not at all
 * once an attempt of our own has failed. From then on the store is still looked at before each exchange, but
 * whatever it says, unless it has a token, the exchange follows. So the worst store costs what none costs.
 *
 * Each of these moments is drawn at random, as many brokers have the same token. */
#include "lib/refresh_plan.h"

#include "lib/backoff.h"
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

/* The store stands against no exchange of this step, whatever its key. */
#define ANY_SERIAL UINT64_MAX

void refresh_use_store(struct refresh *refresh, bool use)
{
        const struct refresh_store *store = &refresh->store;

        if (!use) {
                keyring_warm_up(&refresh->keyring);
                refresh->store = (struct refresh_store){ .claimed_usec = store->claimed_usec,
                                                         .attempt_usec = store->attempt_usec,
                                                         .calm_usec = store->calm_usec,
                                                         .own_usec = store->own_usec,
                                                         .found = store->found,
                                                         .lifetime_sec = store->lifetime_sec,
                                                         .min_ttl_sec = store->min_ttl_sec };
        }
        refresh->store.used = use;
}

/* ---- before an exchange ---- */

bool refresh_is_to_be_claimed(const struct refresh *refresh, uint64_t key_serial, enum refresh_share share,
                              uint64_t now_usec)
{
        const struct refresh_store *store = &refresh->store;

        return store->used && share != REFRESH_SHARE_OPERATOR && store->go_serial != ANY_SERIAL &&
               store->go_serial != key_serial && store->rest_usec <= now_usec &&
               store->distrust_usec <= now_usec;
}

uint64_t refresh_store_wait_usec(const struct refresh *refresh)
{
        return refresh->store.used ? refresh->store.wait_usec : 0;
}

void refresh_store_forget(struct refresh *refresh)
{
        struct refresh_store *store = &refresh->store;

        store->wait_usec = store->patience_usec = 0;
        store->n_leased = store->n_waits = 0;
}

static void rest(struct refresh *refresh, uint64_t now_usec)
{
        refresh->store.failed = true;
        refresh->store.rest_usec = now_usec + REFRESH_STORE_REST_USEC;
        refresh->store.wait_usec = 0;
}

uint64_t refresh_look_at_claim(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        uint64_t until = refresh->store.claimed_usec + REFRESH_CLAIM_USEC;

        if (!refresh->claiming) {
                return USEC_NEVER;
        }
        if (refresh->store.used && now_usec < until) {
                return until;
        }
        refresh->claiming = false;
        step->cancel = true;
        rest(refresh, now_usec);
        return USEC_NEVER;
}

static bool is_demanded(const struct refresh *refresh)
{
        return refresh->wish_usec != USEC_NEVER && refresh->wish_reason == REFRESH_DEMANDED;
}

void refresh_store_demanded(struct refresh *refresh, uint32_t min_ttl_sec)
{
        struct refresh_store *store = &refresh->store;

        store->min_ttl_sec = is_demanded(refresh) ? MAX_OF(store->min_ttl_sec, min_ttl_sec) : min_ttl_sec;
        if (refresh->wish_usec == USEC_NEVER) {
                store->wait_usec = 0; /* of need, which had time */
        }
}

void refresh_store_reported(struct refresh *refresh, uint64_t now_usec)
{
        struct refresh_store *store = &refresh->store;

        refresh_store_forget(refresh); /* of need, which had time */
        if (store->found && ++store->n_rejected >= REFRESH_REJECTED_MAX) {
                store->n_rejected = 0;
                store->distrust_usec = now_usec + store->lifetime_sec * USEC_PER_SEC;
        }
}

void refresh_store_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec,
                            uint32_t random)
{
        bool is_long = life_usec >= REFRESH_LAST_CHANCE_LIFE_USEC;
        uint64_t tenth = life_usec / 10, low = tenth * (is_long ? 8 : 6);

        refresh->store.own_usec = issued_usec + random_between(low, low + tenth, random);
        refresh->store.calm_usec = is_long ? issued_usec + low - REFRESH_COOL_MAX_USEC : 0;
}

bool refresh_is_calm(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->store.used && !refresh->store.failed && now_usec <= refresh->store.calm_usec &&
               refresh_token_good(refresh, now_usec);
}

bool refresh_store_trusted(const struct refresh *refresh, uint64_t now_usec)
{
        const struct refresh_store *store = &refresh->store;
        bool good = refresh_token_good(refresh, now_usec);
        bool tired = store->patience_usec > 0 && store->patience_usec <= now_usec;

        if (!store->used || refresh->round) {
                return false; /* keys are compared without delay */
        }
        if (refresh_token_lives(refresh, now_usec) && now_usec >= store->own_usec) {
                return false;
        }
        return good ? !(is_demanded(refresh) && tired) : refresh->n_failures == 0 && !tired;
}

/* ---- its answers ---- */

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

        if (store->patience_usec == 0 && (!good || is_demanded(refresh))) {
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
                rest(refresh, now_usec);
        }
        /* Likewise, as another key may be chosen now. */
        if (found.adopted && refresh->store.go_serial != 0) {
                refresh->store.go_serial = ANY_SERIAL;
        }
        struct refresh_step step = refresh_plan(refresh, now_usec);
        refresh->store.go_serial = 0;
        step.adopted = found.adopted;
        return step;
}
