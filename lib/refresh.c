/* Events of a refresh machine by itself: key files, time, outcomes.
 *
 * Events only note what was seen, and what is wanted from when on. All of them end in refresh_plan(), which
 * alone starts exchanges; so no path can go round the floor, the budget or a Retry-After. */
#include "lib/refresh.h"

#include "lib/backoff.h"
#include "lib/refresh_plan.h"
#include "lib/refresh_schedule.h"
#include "lib/refresh_store.h"
#include "lib/util.h"

#include <assert.h>

/* Half of a wait is jitter: with less, a fleet that started in the same second still knocks in waves minutes
 * later. */
static const struct backoff_policy need_backoff = { 1 * USEC_PER_SEC, REFRESH_ATTEMPT_USEC, 50 };
/* An upstream that grants so many a second has too many at its door already: waits begin longer. */
static const struct backoff_policy throttled_backoff = { 16 * USEC_PER_SEC, REFRESH_ATTEMPT_USEC, 50 };
/* With a good token and a store one of many tries: a short wait would only make way for the next one. */
static const struct backoff_policy calm_backoff = { 64 * USEC_PER_SEC, REFRESH_ATTEMPT_USEC, 50 };
/* A trial that said nothing can wait: the next grant brings it forward. */
static const struct backoff_policy trial_backoff = { 115 * USEC_PER_SEC, 60 * USEC_PER_MIN, 25 };
/* After an hour of nothing but 401 only a new file helps, or the vendor. */
static const struct backoff_policy unauthorized_backoff = { 15 * USEC_PER_MIN, 15 * USEC_PER_MIN, 25 };
#define UNAUTHORIZED_PATIENCE_USEC USEC_PER_HOUR

static void set_due(struct refresh *refresh, uint64_t due_usec, enum refresh_reason reason)
{
        refresh->due_usec = due_usec;
        refresh->due_reason = reason;
}

/* Also in an earlier process, of which there may be an account to forget. */
static bool has_lived(const struct refresh *refresh)
{
        return refresh->started || refresh->has_token || refresh->budget.n > 0;
}

struct refresh_step refresh_on_keys(struct refresh *refresh, const struct key_name *names, size_t n,
                                    uint64_t now_usec)
{
        bool start = !refresh->started, cancel = false;

        for (size_t i = 0; i < n; i++) {
                const struct key_state *known = keyring_find(&refresh->keyring, names[i].serial);
                if (known ? names[i].rewritten || known->kept : names[i].known.cause != KEY_UNAUTHORIZED) {
                        refresh_end_patience(refresh, now_usec); /* it may help */
                }
        }
        keyring_update(&refresh->keyring, names, n, start ? now_usec + REFRESH_SPARES_WAIT_USEC : now_usec);
        refresh->started = refresh->started || n > 0;
        if (n > 0 || refresh->files_unusable) {
                refresh->keyless_usec = 0;
                refresh->off = refresh->off && n == 0;
        } else if (refresh->keyless_usec == 0 && !refresh->off && has_lived(refresh)) {
                refresh->keyless_usec = now_usec;
        }
        bool gone = !keyring_find(&refresh->keyring, refresh->in_flight_key);
        if (refresh->claiming && gone) {
                refresh->claiming = false;
                cancel = true;
        }
        if (refresh->in_flight && gone) {
                refresh->in_flight = false;
                cancel = true;
                if (refresh->in_flight_share != REFRESH_SHARE_NEED &&
                    refresh->in_flight_share != REFRESH_SHARE_TRIAL) {
                        /* The wish has had its exchange, but no answer: as after a failure, need goes on. */
                        refresh->wish_usec = USEC_NEVER;
                        set_due(refresh, now_usec, REFRESH_RETRY);
                }
        }
        struct refresh_step step = refresh_plan(refresh, now_usec);
        step.cancel = step.cancel || cancel;
        return step;
}

/* ---- outcomes ---- */

void refresh_on_lifetime(struct refresh *refresh)
{
        refresh->attainable_sec = 0;
}

struct refresh_step refresh_on_timer(struct refresh *refresh, uint64_t now_usec)
{
        return refresh_plan(refresh, now_usec);
}

/* When to try again. The wait counts from the sending, so that a time-out does not come on top of it. Half
 * the wait is a pause in any case. */
static uint64_t retry_usec(const struct refresh *refresh, const struct backoff_policy *policy,
                           uint64_t now_usec, uint32_t random)
{
        uint64_t wait = backoff_usec(policy, refresh->n_failures + refresh->n_before, random);

        if (wait >= policy->ceiling_usec / 100 * (100 - BACKOFF_CEILING_JITTER)) {
                /* The first quick attempts, a round and a last chance are to leave enough for the hour. */
                uint64_t pace = refresh_budget_pace_usec(&refresh->budget, REFRESH_SHARE_NEED, now_usec);
                wait = MAX_OF(wait, MIN_OF(pace, policy->ceiling_usec));
        }
        if (refresh->store.used && policy->ceiling_usec == need_backoff.ceiling_usec) {
                wait = MIN_OF(wait, REFRESH_COOL_MAX_USEC); /* so long others leave it to this one */
        }
        return MAX_OF(refresh->sent_usec + wait, now_usec + wait / 2);
}

/* It took longer to arrive than it lives: the key is good, the token is not. */
static void on_dead_grant(struct refresh *refresh, uint64_t now_usec, uint32_t random)
{
        if (refresh->in_flight_share == REFRESH_SHARE_TRIAL) {
                return; /* only the key was in question */
        }
        refresh->n_failures++;
        refresh->wish_usec = USEC_NEVER; /* that was its exchange */
        set_due(refresh, retry_usec(refresh, &need_backoff, now_usec, random), REFRESH_RETRY);
}

/* A key may be granted shorter lives than the others: its trial does not take a token away that lives
 * longer. */
static bool lives_longer(const struct refresh *refresh, uint64_t expires_usec, uint64_t now_usec)
{
        return refresh->in_flight_share == REFRESH_SHARE_TRIAL && refresh_token_good(refresh, now_usec) &&
               refresh->expires_usec > expires_usec;
}

static void adopt(struct refresh *refresh, const struct refresh_outcome *outcome, uint64_t now_usec,
                  uint32_t random)
{
        uint64_t life = outcome->lifetime_sec * USEC_PER_SEC;

        if (refresh_token_good(refresh, now_usec)) {
                refresh->store.n_rejected = 0; /* the one before was not */
        }
        refresh->store.found = refresh->store.late = false;
        refresh->store.lifetime_sec = outcome->lifetime_sec;
        refresh->n_failures = refresh->n_before = 0;
        if (!refresh->wish_new_account || refresh->in_flight_reason == REFRESH_OPERATOR) {
                refresh->wish_usec = USEC_NEVER;
        }
        refresh->has_token = true;
        refresh->token_serial = outcome->token_serial;
        refresh->expires_usec = usec_add(refresh->sent_usec, life);
        refresh->attainable_sec = (uint32_t)((refresh->expires_usec - now_usec) / USEC_PER_SEC);
        refresh_schedule(refresh, refresh->sent_usec, life, random);
}

static void on_granted(struct refresh *refresh, const struct refresh_outcome *outcome, uint64_t now_usec,
                       uint32_t random, struct refresh_step *step)
{
        uint64_t expires = usec_add(refresh->sent_usec, outcome->lifetime_sec * USEC_PER_SEC);

        keyring_granted(&refresh->keyring, refresh->in_flight_key, now_usec);
        refresh_end_patience(refresh, now_usec);
        refresh->round = refresh->rounded = refresh->trial_rounded = false;
        if (expires <= now_usec) {
                on_dead_grant(refresh, now_usec, random);
                return;
        }
        refresh->retry_after_usec = 0;
        step->spared = !outcome->new_account && lives_longer(refresh, expires, now_usec);
        step->adopted = !step->spared;
        if (step->adopted) {
                adopt(refresh, outcome, now_usec, random);
        }
}

/* The failure's meaning for its key. True if it may be the key's fault, and is not known to be. */
static bool judge_key(struct refresh *refresh, enum exchange_outcome outcome, uint64_t now_usec)
{
        uint64_t serial = refresh->in_flight_key;
        const struct key_state *key = keyring_find(&refresh->keyring, serial);
        bool joins = key && key->known.cause != KEY_UNAUTHORIZED; /* the hour is one of all keys */

        if (outcome != EXCHANGE_KEY_REFUSED) {
                refresh_end_patience(refresh, now_usec);
        } else if (refresh->unauthorized_usec == 0 || joins) {
                refresh->unauthorized_usec = now_usec;
        }
        switch (outcome) {
        case EXCHANGE_KEY_REFUSED:
                keyring_refused(&refresh->keyring, serial, KEY_UNAUTHORIZED, now_usec);
                return false;
        case EXCHANGE_OTHER_ACCOUNT:
                keyring_refused(&refresh->keyring, serial, KEY_OF_OTHER_ACCOUNT, now_usec);
                return false;
        case EXCHANGE_REQUEST_REFUSED:
        case EXCHANGE_MALFORMED:
                keyring_failed(&refresh->keyring, serial, now_usec);
                return true;
        default:
                keyring_unheard(&refresh->keyring, serial);
                return false;
        }
}

static bool concerns_key(enum exchange_outcome outcome)
{
        return outcome != EXCHANGE_UNAVAILABLE && outcome != EXCHANGE_THROTTLED;
}

static void note_retry_after(struct refresh *refresh, const struct refresh_outcome *outcome,
                             uint64_t now_usec, uint32_t random)
{
        uint64_t wait = MIN_OF(outcome->retry_after_sec, (uint32_t)RETRY_AFTER_MAX_SEC) * USEC_PER_SEC;
        uint64_t until =
                now_usec + wait + random_between(0, MIN_OF(wait / 4, RETRY_AFTER_SPREAD_USEC), random);

        if (outcome->retry_after_sec == RETRY_AFTER_NONE) {
                return;
        }
        if (outcome->retry_after_for_key) {
                keyring_hold(&refresh->keyring, refresh->in_flight_key, until);
        } else {
                refresh->retry_after_usec = until;
        }
}

/* Only the key was in question: the schedule stands as it was. */
static void on_trial_failed(struct refresh *refresh, enum exchange_outcome outcome, bool in_doubt,
                            uint64_t now_usec, uint32_t random)
{
        const struct key_state *key = keyring_find(&refresh->keyring, refresh->in_flight_key);

        if (!concerns_key(outcome) && key) {
                uint64_t wait = backoff_usec(&trial_backoff, key->n_trials + 1, random);
                keyring_postpone_trial(&refresh->keyring, key->serial, now_usec + wait);
        }
        if (in_doubt && !refresh->rounded && !refresh->trial_rounded) {
                refresh->trial_rounded = true;
                refresh_begin_round(refresh, REFRESH_SHARE_TRIAL, /* but_latest= */ true);
        }
}

static const struct backoff_policy *choose_backoff(const struct refresh *refresh,
                                                   const struct refresh_outcome *outcome, uint64_t now_usec)
{
        if (outcome->outcome == EXCHANGE_KEY_REFUSED && keyring_all_unauthorized(&refresh->keyring) &&
            refresh->unauthorized_usec + UNAUTHORIZED_PATIENCE_USEC <= now_usec) {
                return &unauthorized_backoff;
        }
        if (refresh_is_calm(refresh, now_usec)) {
                return &calm_backoff;
        }
        return outcome->outcome == EXCHANGE_THROTTLED && outcome->retry_after_sec == RETRY_AFTER_NONE
                       ? &throttled_backoff
                       : &need_backoff;
}

static void on_need_failed(struct refresh *refresh, const struct refresh_outcome *outcome, uint64_t now_usec,
                           uint32_t random)
{
        if (refresh->n_failures++ == 0) {
                /* Another trouble than that of a trial; a last chance goes on, though. */
                refresh->rounded = refresh->trial_rounded = false;
                refresh->round = refresh->round && refresh->round_share == REFRESH_SHARE_NEED;
        }
        refresh->wish_usec = USEC_NEVER; /* that was its exchange, or as good as that */
        if (!concerns_key(outcome->outcome)) {
                keyring_await_grant(&refresh->keyring, refresh->in_flight_key);
        }
        const struct backoff_policy *policy = choose_backoff(refresh, outcome, now_usec);
        set_due(refresh, retry_usec(refresh, policy, now_usec, random), REFRESH_RETRY);
        if (refresh_token_lives(refresh, now_usec) && refresh->refresh_point_usec > now_usec &&
            refresh->refresh_point_usec < refresh->due_usec) {
                /* An early refresh failed: the ordinary one still takes place. */
                set_due(refresh, refresh->refresh_point_usec, REFRESH_DUE);
        }
        if (concerns_key(outcome->outcome) && !refresh->rounded) {
                refresh->rounded = true;
                if (!refresh->round || refresh->round_share != REFRESH_SHARE_NEED) { /* no last chance */
                        refresh_begin_round(refresh, REFRESH_SHARE_NEED, /* but_latest= */ true);
                }
        }
}

struct refresh_step refresh_on_outcome(struct refresh *refresh, const struct refresh_outcome *outcome,
                                       uint64_t now_usec, uint32_t random)
{
        struct refresh_step granted = { 0 };

        assert(refresh->in_flight);
        refresh->in_flight = false;
        if (outcome->unsent) {
                refresh_budget_give_back(&refresh->budget);
        }
        if (outcome->outcome == EXCHANGE_GRANTED) {
                on_granted(refresh, outcome, now_usec, random, &granted);
        } else {
                bool in_doubt = judge_key(refresh, outcome->outcome, now_usec);
                note_retry_after(refresh, outcome, now_usec, random);
                if (refresh->in_flight_share == REFRESH_SHARE_TRIAL) {
                        on_trial_failed(refresh, outcome->outcome, in_doubt, now_usec, random);
                } else {
                        on_need_failed(refresh, outcome, now_usec, random);
                }
        }
        struct refresh_step step = refresh_plan(refresh, now_usec);
        step.adopted = granted.adopted;
        step.spared = granted.spared;
        return step;
}

struct refresh_step refresh_on_held(struct refresh *refresh, bool key, uint64_t until_usec,
                                    uint64_t now_usec)
{
        assert(refresh->in_flight);
        refresh->in_flight = false;
        refresh_budget_give_back(&refresh->budget);
        refresh->needed_usec = refresh->needed_before_usec; /* it did not serve need, others may have */
        keyring_not_asked(&refresh->keyring, refresh->in_flight_key);
        if (key) {
                keyring_hold(&refresh->keyring, refresh->in_flight_key, until_usec);
        } else {
                refresh->retry_after_usec = MAX_OF(refresh->retry_after_usec, until_usec);
        }
        return refresh_plan(refresh, now_usec);
}
