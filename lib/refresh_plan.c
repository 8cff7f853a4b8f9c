/* The step that follows from what is wanted and what stands against it.
 *
 * refresh_plan() looks at what is wanted in the order of its weight: a round, need, a wish, a trial. Each is
 * held back by the floor, by its share of the budget, by Retry-After; the first in this order that may start
 * now, starts. */
#include "lib/refresh_plan.h"

#include "lib/refresh_limits.h"
#include "lib/refresh_store.h"
#include "lib/util.h"

/* No trial begins so shortly before a living token's exchange; and one that has taken so long when it
 * is due hangs: it is in the way, and ended. */
#define CLEAR_USEC (25 * USEC_PER_SEC)
/* So long after that end it is made again. */
#define HUNG_USEC (115 * USEC_PER_SEC)

void refresh_begin_round(struct refresh *refresh, enum refresh_share share, bool but_latest)
{
        refresh->round = true;
        refresh->round_share = share;
        keyring_begin_round(&refresh->keyring, but_latest);
}

/* Does the round that is under way go on, although a last chance begins? One of need does; one of a trial
 * only while need has to wait. */
static bool round_goes_on(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->round && (refresh->round_share == REFRESH_SHARE_NEED ||
                                  refresh_limited_until(refresh, REFRESH_SHARE_NEED, NULL) > now_usec);
}

/* Time takes its course: a token ends, an environment without keys is off, a last chance begins. */
static void look_at_the_time(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        if (refresh->has_token && refresh->expires_usec <= now_usec) {
                refresh->has_token = false;
                step->expired = true;
        }
        if (refresh->keyless_usec > 0 && refresh->keyless_usec + REFRESH_OFF_USEC <= now_usec) {
                struct refresh_budget budget = refresh->budget;
                uint64_t retry_after_usec = refresh->retry_after_usec;
                bool store = refresh->store.used;

                refresh_init(refresh);
                refresh_use_store(refresh, store);
                refresh->budget = budget;
                refresh->retry_after_usec = retry_after_usec;
                refresh->off = true;
                step->off = true;
        }
        if (refresh->has_token && refresh->last_chance_usec <= now_usec &&
            refresh->needed_usec < refresh->last_chance_usec && !refresh->in_flight && !refresh->claiming &&
            !round_goes_on(refresh, now_usec)) {
                refresh_begin_round(refresh, REFRESH_SHARE_NEED, /* but_latest= */ false);
        }
}

/* Nothing stands against it but, maybe, the store, which is asked first. */
static void start_exchange(struct refresh *refresh, const struct key_state *key, enum refresh_reason reason,
                           enum refresh_share share, uint64_t now_usec, struct refresh_step *step)
{
        refresh->in_flight_key = key->serial;
        refresh->in_flight_reason = reason;
        refresh->in_flight_share = share;
        step->key_serial = key->serial;
        if (refresh_is_to_be_claimed(refresh, key->serial, share, now_usec)) {
                refresh->claiming = true;
                refresh->store.claimed_usec = now_usec;
                step->claim = true;
                return;
        }
        refresh->in_flight = true;
        refresh->sent_usec = now_usec;
        refresh->needed_before_usec = refresh->needed_usec;
        if (share == REFRESH_SHARE_NEED) {
                refresh->needed_usec = now_usec;
        }
        refresh_budget_take(&refresh->budget, share, now_usec);
        keyring_asked(&refresh->keyring, key->serial);
        if (share != REFRESH_SHARE_TRIAL) {
                refresh_store_forget(refresh);
                refresh->store.attempt_usec = now_usec;
                refresh->store.late = false;
        }
        step->exchange = true;
}

static const struct key_state *choose_key(const struct refresh *refresh, uint64_t now_usec)
{
        return keyring_choose(&refresh->keyring, refresh->n_failures > 0,
                              refresh_token_lives(refresh, now_usec), now_usec);
}

/* Keys that others tried in vain just now are left out, while the store is trusted. */
static const struct key_state *choose_warm_key(const struct refresh *refresh, uint64_t now_usec)
{
        struct keyring warm = refresh->keyring; /* the key chosen lies in it */
        const struct key_state *key = NULL;

        if (refresh_store_trusted(refresh, now_usec)) {
                keyring_hold_cool(&warm, now_usec);
                key = keyring_choose(&warm, refresh->n_failures > 0, refresh_token_lives(refresh, now_usec),
                                     now_usec);
        }
        return key ? keyring_find(&refresh->keyring, key->serial) : choose_key(refresh, now_usec);
}

/* Where the account is to change, the key that says so is one that is new, or was refused for that. */
static const struct key_state *choose_key_for_wish(const struct refresh *refresh, uint64_t now_usec)
{
        const struct key_state *key = refresh->wish_new_account
                                              ? keyring_choose(&refresh->keyring, /* trouble= */ true,
                                                               /* pass_over= */ true, now_usec)
                                              : NULL;

        bool fresh = key && key->known.standing == KEY_UNTRIED && key->heard == KEY_NOT_ASKED;
        if (fresh) {
                return key;
        }
        return refresh->wish_reason == REFRESH_OPERATOR ? choose_key(refresh, now_usec)
                                                        : choose_warm_key(refresh, now_usec);
}

/* A round ends when no key is left to be asked. Returns when the next one may start. */
static uint64_t look_around(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        const struct key_state *next =
                refresh->round ? keyring_next_around(&refresh->keyring, now_usec) : NULL;

        refresh->round = next != NULL;
        if (!next) {
                return USEC_NEVER;
        }
        uint64_t may = refresh_limited_until(refresh, refresh->round_share, NULL);
        if (may <= now_usec) {
                bool first = refresh->round_share == REFRESH_SHARE_NEED && refresh->n_failures == 0;
                start_exchange(refresh, next, first ? refresh->due_reason : REFRESH_COMPARED,
                               refresh->round_share, now_usec, step);
        }
        return may;
}

static uint64_t look_at_need(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        uint64_t may = refresh_need_start_usec(refresh);
        const struct key_state *key = may <= now_usec ? choose_warm_key(refresh, now_usec) : NULL;

        if (key) {
                start_exchange(refresh, key, refresh->due_reason, REFRESH_SHARE_NEED, now_usec, step);
        }
        return may;
}

static uint64_t look_at_wish(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        enum refresh_share share = refresh_wish_share(refresh->wish_reason);
        uint64_t may = refresh_wish_start_usec(refresh);
        const struct key_state *key = may <= now_usec ? choose_key_for_wish(refresh, now_usec) : NULL;

        if (key) {
                start_exchange(refresh, key, refresh->wish_reason, share, now_usec, step);
        }
        return may;
}

static uint64_t look_at_trials(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step)
{
        uint64_t due, may = refresh_trial_start_usec(refresh);
        const struct key_state *key = keyring_next_trial(&refresh->keyring, &due);

        if (may <= now_usec && refresh->has_token &&
            refresh_need_start_usec(refresh) <= now_usec + CLEAR_USEC) {
                return USEC_NEVER; /* need comes first, and after it this is looked at again */
        }
        if (key && may <= now_usec) {
                start_exchange(refresh, key, REFRESH_TRIAL, REFRESH_SHARE_TRIAL, now_usec, step);
        }
        return may;
}

/* A trial that hangs when need is due is in its way. Returns when that may be. */
static uint64_t look_at_trial_under_way(struct refresh *refresh, uint64_t now_usec,
                                        struct refresh_step *step)
{
        uint64_t need = refresh_may_start_usec(refresh, refresh_need_due_usec(refresh), REFRESH_SHARE_NEED);

        if (!refresh->in_flight || refresh->in_flight_share != REFRESH_SHARE_TRIAL || need == USEC_NEVER) {
                return USEC_NEVER;
        }
        uint64_t hangs = MAX_OF(need, refresh->sent_usec + CLEAR_USEC);
        if (hangs > now_usec) {
                return hangs;
        }
        refresh->in_flight = false;
        step->cancel = true;
        keyring_unheard(&refresh->keyring, refresh->in_flight_key);
        keyring_postpone_trial(&refresh->keyring, refresh->in_flight_key, now_usec + HUNG_USEC);
        return USEC_NEVER;
}

struct refresh_step refresh_plan(struct refresh *refresh, uint64_t now_usec)
{
        static uint64_t (*const looks[])(struct refresh *, uint64_t, struct refresh_step *) = {
                look_around,
                look_at_need,
                look_at_wish,
                look_at_trials,
        };
        struct refresh_step step = { .wake_usec = USEC_NEVER };

        (void)refresh_look_at_claim(refresh, now_usec, &step); /* first: a last chance may be due as well */
        (void)look_at_trial_under_way(refresh, now_usec, &step); /* it may be in the way of a last chance */
        look_at_the_time(refresh, now_usec, &step);
        for (size_t i = 0; i < ARRAY_SIZE(looks) && !refresh->in_flight && !refresh->claiming; i++) {
                uint64_t may = looks[i](refresh, now_usec, &step); /* once: MIN_OF() looks twice */
                step.wake_usec = MIN_OF(step.wake_usec, may);
        }
        if (refresh->claiming) {
                step.wake_usec = refresh_look_at_claim(refresh, now_usec, &step);
                step.reason = refresh->in_flight_reason;
        } else if (refresh->in_flight) {
                step.wake_usec = look_at_trial_under_way(refresh, now_usec, &step);
                step.reason = refresh->in_flight_reason;
        } else {
                step.reason = refresh->wish_usec <= now_usec ? refresh->wish_reason : refresh->due_reason;
                step.limit = refresh_what_limits(refresh, now_usec);
        }
        if (refresh->has_token) {
                step.wake_usec = MIN_OF(step.wake_usec, refresh->expires_usec);
        }
        if (refresh->keyless_usec > 0) {
                step.wake_usec = MIN_OF(step.wake_usec, refresh->keyless_usec + REFRESH_OFF_USEC);
        }
        return step;
}
