/* When to exchange an access key for a session token.
 *
 * All events end in plan(): it looks at what is due and at what stands against it, and gives the step.
 * Events only move `due_usec`; so no path can go round the floor or the budget. */
#include "lib/refresh.h"

#include "lib/util.h"

#include <assert.h>

/* Half of a wait is jitter: with less, a fleet that started in the same second still knocks in waves minutes
 * later. */
static const struct backoff_policy transient_backoff = { 1 * USEC_PER_SEC, 115 * USEC_PER_SEC, 50 };
/* An upstream that grants so many a second has too many at its door already: waits begin longer. */
static const struct backoff_policy throttled_backoff = { 16 * USEC_PER_SEC, 115 * USEC_PER_SEC, 50 };
/* Jitter takes up to a quarter away: never below 5 minutes. */
static const struct backoff_policy slow_backoff = { 400 * USEC_PER_SEC, 60 * USEC_PER_MIN, 25 };
static const struct backoff_policy refused_key_rest = { 15 * USEC_PER_MIN, 6 * USEC_PER_HOUR, 25 };

/* ---- limits ---- */

static uint64_t last_sent_usec(const struct refresh *refresh)
{
        return refresh->sent_ring[(refresh->n_sent - 1) % REFRESH_HOURLY_BUDGET];
}

unsigned refresh_sent_last_hour(const struct refresh *refresh, uint64_t now_usec)
{
        unsigned n = 0;
        for (uint64_t i = 0; i < MIN_OF(refresh->n_sent, (uint64_t)REFRESH_HOURLY_BUDGET); i++) {
                n += refresh->sent_ring[i] + USEC_PER_HOUR > now_usec;
        }
        return n;
}

uint64_t refresh_limited_until(const struct refresh *refresh, enum refresh_limit *ret_limit)
{
        uint64_t until = refresh->retry_after_usec;
        enum refresh_limit limit = until > 0 ? REFRESH_LIMIT_RETRY_AFTER : REFRESH_UNLIMITED;

        if (refresh->n_sent > 0 && last_sent_usec(refresh) + REFRESH_FLOOR_USEC > until) {
                until = last_sent_usec(refresh) + REFRESH_FLOOR_USEC;
                limit = REFRESH_LIMIT_FLOOR;
        }
        if (refresh->n_sent >= REFRESH_HOURLY_BUDGET) {
                uint64_t oldest = refresh->sent_ring[refresh->n_sent % REFRESH_HOURLY_BUDGET];
                if (oldest + USEC_PER_HOUR > until) {
                        until = oldest + USEC_PER_HOUR;
                        limit = REFRESH_LIMIT_BUDGET;
                }
        }
        if (ret_limit) {
                *ret_limit = limit;
        }
        return until;
}

uint64_t refresh_next_usec(const struct refresh *refresh)
{
        if (refresh->in_flight) {
                return refresh->sent_usec;
        }
        uint64_t usable = keyring_usable_usec(&refresh->keyring);
        if (usable == USEC_NEVER) {
                return USEC_NEVER;
        }
        uint64_t allowed = MAX_OF(usable, refresh_limited_until(refresh, NULL));
        return MAX_OF(refresh->due_usec, allowed);
}

/* ---- the plan ---- */

static void start_exchange(struct refresh *refresh, const struct key_state *key, uint64_t now_usec)
{
        refresh->in_flight = true;
        refresh->in_flight_key = key->serial;
        refresh->in_flight_reason = refresh->due_reason;
        refresh->sent_usec = now_usec;
        refresh->sent_ring[refresh->n_sent++ % REFRESH_HOURLY_BUDGET] = now_usec;
        if (refresh->due_reason == REFRESH_REPORTED || refresh->due_reason == REFRESH_DEMANDED) {
                refresh->caused_ring[refresh->n_caused++ % REFRESH_CALLER_BUDGET] = now_usec;
        }
}

/* What puts the next exchange off beyond its time. A retry's wait that ends within the floor is put off so
 * briefly that it is only worth telling when it is due. */
static enum refresh_limit what_limits(const struct refresh *refresh, uint64_t now_usec)
{
        enum refresh_limit limit;
        uint64_t wanted = MAX_OF(refresh->due_usec, now_usec);
        uint64_t allowed = refresh_limited_until(refresh, &limit);
        uint64_t usable = keyring_usable_usec(&refresh->keyring);

        if (MAX_OF(allowed, usable) <= wanted) {
                return REFRESH_UNLIMITED;
        }
        if (usable > allowed) {
                return REFRESH_LIMIT_KEYS;
        }
        return limit == REFRESH_LIMIT_FLOOR && wanted > now_usec ? REFRESH_UNLIMITED : limit;
}

static const struct key_state *choose_key(const struct refresh *refresh, uint64_t now_usec)
{
        const struct key_state *changed = keyring_trial(&refresh->keyring);
        return changed && refresh->due_reason == REFRESH_TRIAL ? changed
                                                               : keyring_choose(&refresh->keyring, now_usec);
}

static struct refresh_step plan(struct refresh *refresh, uint64_t now_usec)
{
        struct refresh_step step = { .wake_usec = USEC_NEVER };

        if (refresh->has_token && refresh->expires_usec <= now_usec) {
                refresh->has_token = false;
                step.expired = true;
        }
        if (!refresh->in_flight) {
                uint64_t next = refresh_next_usec(refresh);
                const struct key_state *key = choose_key(refresh, now_usec);
                if (key && next <= now_usec) {
                        start_exchange(refresh, key, now_usec);
                        step.exchange = true;
                        step.key_serial = key->serial;
                } else {
                        step.wake_usec = next;
                        step.limit = what_limits(refresh, now_usec);
                }
        }
        step.reason = refresh->in_flight ? refresh->in_flight_reason : refresh->due_reason;
        if (refresh->has_token) {
                step.wake_usec = MIN_OF(step.wake_usec, refresh->expires_usec);
        }
        return step;
}

static void set_due(struct refresh *refresh, uint64_t due_usec, enum refresh_reason reason)
{
        refresh->due_usec = due_usec;
        refresh->due_reason = reason;
}

/* Brings the next exchange forward to now, never back. */
static void want_now(struct refresh *refresh, uint64_t now_usec, enum refresh_reason reason)
{
        if (refresh->due_usec > now_usec) {
                set_due(refresh, now_usec, reason);
        }
}

static bool token_lives(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->has_token && now_usec < refresh->expires_usec;
}

/* ---- events ---- */

void refresh_init(struct refresh *refresh)
{
        *refresh = (struct refresh){ .due_reason = REFRESH_FIRST };
}

struct refresh_step refresh_on_keys(struct refresh *refresh, const struct key_name *names, size_t n,
                                    uint64_t now_usec)
{
        bool news = keyring_update(&refresh->keyring, names, n);
        if (news && keyring_trial(&refresh->keyring)) {
                want_now(refresh, now_usec, REFRESH_TRIAL);
        } else if (news && !token_lives(refresh, now_usec)) {
                want_now(refresh, now_usec, refresh->attainable_sec ? REFRESH_RETRY : REFRESH_FIRST);
        }
        return plan(refresh, now_usec);
}

void refresh_on_lifetime(struct refresh *refresh)
{
        refresh->attainable_sec = 0;
}

struct refresh_step refresh_on_timer(struct refresh *refresh, uint64_t now_usec)
{
        return plan(refresh, now_usec);
}

/* When to try again after a failure that passes by itself. The wait counts from the sending, so that a
 * time-out does not come on top of it: exchanges are at most 115 s apart, which leaves 5 s for the answer
 * that is to be there 120 s after an outage. Half the wait is a pause in any case. */
static uint64_t retry_usec(const struct refresh *refresh, const struct backoff_policy *policy,
                           uint64_t now_usec, uint32_t random)
{
        uint64_t wait = backoff_usec(policy, refresh->n_failures, random);
        return MAX_OF(refresh->sent_usec + wait, now_usec + wait / 2);
}

static bool on_granted(struct refresh *refresh, const struct refresh_outcome *outcome, uint64_t now_usec,
                       uint32_t random)
{
        uint64_t life = outcome->lifetime_sec * USEC_PER_SEC;
        uint64_t expires = usec_add(refresh->sent_usec, life);

        keyring_granted(&refresh->keyring, refresh->in_flight_key);
        if (expires <= now_usec) {
                /* It took longer to arrive than it lives: the key is good, the token is not. */
                refresh->n_failures++;
                set_due(refresh, retry_usec(refresh, &transient_backoff, now_usec, random), REFRESH_RETRY);
                return false;
        }
        refresh->n_failures = 0;
        refresh->n_slow_failures = 0;
        refresh->retry_after_usec = 0;
        refresh->has_token = true;
        refresh->token_serial = outcome->token_serial;
        refresh->expires_usec = expires;
        refresh->attainable_sec = (uint32_t)((expires - now_usec) / USEC_PER_SEC);
        refresh->refresh_point_usec =
                refresh->sent_usec + random_between(life / 10 * 6, life / 10 * 7, random);
        set_due(refresh, refresh->refresh_point_usec, REFRESH_DUE);
        if (keyring_trial(&refresh->keyring)) {
                want_now(refresh, now_usec, REFRESH_TRIAL);
        }
        return true;
}

static void on_key_refused(struct refresh *refresh, uint64_t now_usec)
{
        enum refresh_reason reason = refresh->in_flight_reason;

        keyring_refused(&refresh->keyring, refresh->in_flight_key, now_usec, &refused_key_rest);
        if (reason == REFRESH_TRIAL && token_lives(refresh, now_usec)) {
                /* Only the new key was in question: the schedule stands as it was. */
                set_due(refresh, refresh->refresh_point_usec, REFRESH_DUE);
                if (keyring_trial(&refresh->keyring)) {
                        want_now(refresh, now_usec, REFRESH_TRIAL);
                }
        } else {
                set_due(refresh, now_usec, reason == REFRESH_TRIAL ? REFRESH_RETRY : reason);
        }
}

static void on_failure(struct refresh *refresh, const struct refresh_outcome *outcome, uint64_t now_usec,
                       uint32_t random)
{
        bool slow = outcome->outcome == EXCHANGE_REQUEST_REFUSED || outcome->outcome == EXCHANGE_MALFORMED;
        bool throttled = outcome->outcome == EXCHANGE_THROTTLED;
        bool patience_told = throttled && outcome->retry_after_sec != RETRY_AFTER_NONE;
        const struct backoff_policy *policy =
                throttled && !patience_told ? &throttled_backoff : &transient_backoff;

        refresh->n_failures++;
        refresh->n_slow_failures = slow ? refresh->n_slow_failures + 1 : 0;
        set_due(refresh,
                slow ? now_usec + backoff_usec(&slow_backoff, refresh->n_slow_failures, random)
                     : retry_usec(refresh, policy, now_usec, random),
                REFRESH_RETRY);
        if (token_lives(refresh, now_usec) && refresh->refresh_point_usec > now_usec &&
            refresh->refresh_point_usec < refresh->due_usec) {
                /* An early refresh failed: the ordinary one still takes place. */
                set_due(refresh, refresh->refresh_point_usec, REFRESH_DUE);
        }
        if (patience_told) {
                uint64_t wait =
                        MIN_OF(outcome->retry_after_sec, (uint32_t)RETRY_AFTER_MAX_SEC) * USEC_PER_SEC;
                uint64_t spread = MIN_OF(wait / 4, RETRY_AFTER_SPREAD_USEC);
                refresh->retry_after_usec = now_usec + wait + random_between(0, spread, random);
        }
}

struct refresh_step refresh_on_outcome(struct refresh *refresh, const struct refresh_outcome *outcome,
                                       uint64_t now_usec, uint32_t random)
{
        bool adopted = false;

        assert(refresh->in_flight);
        refresh->in_flight = false;
        switch (outcome->outcome) {
        case EXCHANGE_GRANTED:
                adopted = on_granted(refresh, outcome, now_usec, random);
                break;
        case EXCHANGE_KEY_REFUSED:
                on_key_refused(refresh, now_usec);
                break;
        default:
                on_failure(refresh, outcome, now_usec, random);
                break;
        }
        struct refresh_step step = plan(refresh, now_usec);
        step.adopted = adopted;
        return step;
}

/* May a caller cause an exchange now, beside the schedule? One retry layer only: while a retry is set, it is
 * waited for. */
static bool callers_may_cause_one(const struct refresh *refresh, uint64_t now_usec)
{
        bool share_left =
                refresh->n_caused < REFRESH_CALLER_BUDGET ||
                refresh->caused_ring[refresh->n_caused % REFRESH_CALLER_BUDGET] + USEC_PER_HOUR <= now_usec;

        return share_left && refresh->retry_after_usec <= now_usec;
}

/* Is an exchange due, and only the floor puts it off? */
static bool is_imminent(const struct refresh *refresh, uint64_t now_usec)
{
        return refresh->due_usec <= now_usec && refresh_next_usec(refresh) <= now_usec + REFRESH_FLOOR_USEC;
}

enum refresh_verdict refresh_on_demand(struct refresh *refresh, uint32_t min_ttl_sec, uint64_t now_usec,
                                       struct refresh_step *ret_step)
{
        enum refresh_verdict verdict;

        if (token_lives(refresh, now_usec) &&
            refresh->expires_usec - now_usec >= min_ttl_sec * USEC_PER_SEC) {
                verdict = REFRESH_SATISFIED;
        } else if (refresh->attainable_sec > 0 && min_ttl_sec > refresh->attainable_sec) {
                verdict = REFRESH_UNATTAINABLE;
        } else if (refresh->keyring.n == 0) {
                verdict = REFRESH_NO_KEY;
        } else if (!token_lives(refresh, now_usec) || refresh->in_flight || refresh->n_failures > 0) {
                verdict = REFRESH_UNDER_WAY; /* whatever can be done is being done */
        } else if (!callers_may_cause_one(refresh, now_usec)) {
                verdict = REFRESH_TOO_SOON;
        } else {
                want_now(refresh, now_usec, REFRESH_DEMANDED);
                verdict = REFRESH_UNDER_WAY;
        }
        *ret_step = plan(refresh, now_usec);
        return verdict;
}

enum refresh_verdict refresh_on_report(struct refresh *refresh, uint64_t token_serial, uint64_t now_usec,
                                       struct refresh_step *ret_step)
{
        enum refresh_verdict verdict;

        if (!token_lives(refresh, now_usec) || token_serial != refresh->token_serial) {
                verdict = REFRESH_NOT_CURRENT;
        } else if (refresh->in_flight || is_imminent(refresh, now_usec)) {
                /* Its outcome answers the report too. */
                verdict = REFRESH_UNDER_WAY;
        } else if (refresh->reported_serial == token_serial) {
                verdict = REFRESH_ALREADY;
        } else if ((refresh->reported_usec > 0 &&
                    now_usec < refresh->reported_usec + REFRESH_REPORT_GAP_USEC) ||
                   refresh->n_failures > 0 || !callers_may_cause_one(refresh, now_usec)) {
                verdict = REFRESH_TOO_SOON;
        } else if (keyring_usable_usec(&refresh->keyring) > now_usec) {
                verdict = REFRESH_NO_KEY;
        } else {
                refresh->reported_serial = token_serial;
                refresh->reported_usec = now_usec;
                want_now(refresh, now_usec, REFRESH_REPORTED);
                verdict = REFRESH_UNDER_WAY;
        }
        *ret_step = plan(refresh, now_usec);
        return verdict;
}

enum refresh_verdict refresh_on_operator(struct refresh *refresh, uint64_t now_usec,
                                         struct refresh_step *ret_step)
{
        enum refresh_verdict verdict;
        enum refresh_limit limit;
        uint64_t until = refresh_limited_until(refresh, &limit);

        if (refresh->keyring.n == 0) {
                verdict = REFRESH_NO_KEY;
        } else if (refresh->in_flight) {
                verdict = REFRESH_UNDER_WAY;
        } else if (until > now_usec && limit != REFRESH_LIMIT_FLOOR) {
                verdict = REFRESH_TOO_SOON;
        } else {
                keyring_end_rests(&refresh->keyring);
                set_due(refresh, now_usec, REFRESH_OPERATOR);
                verdict = REFRESH_UNDER_WAY;
        }
        *ret_step = plan(refresh, now_usec);
        return verdict;
}
