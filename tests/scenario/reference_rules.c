/* What the rules say of an exchange: may it be now, and by when must it have been? */
#include "tests/scenario/reference_rules.h"

#include "lib/util.h"

/* ---- limits ---- */

static bool counts(const struct reference_exchange *exchange)
{
        return exchange->fate != FATE_ANEW && exchange->fate != FATE_UNSENT && exchange->fate != FATE_HELD &&
               exchange->fate != FATE_FOUND;
}

static unsigned share_size(enum refresh_share share)
{
        return share == REFRESH_SHARE_NEED ? 44 : 4;
}

uint64_t reference_free_usec(const struct reference *reference, enum refresh_share share)
{
        unsigned all = 0, same = 0;

        for (size_t i = reference->n; i-- > 0;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                all += counts(exchange);
                same += counts(exchange) && exchange->share == share;
                if (all == 60 || same == share_size(share)) {
                        return exchange->sent_usec + USEC_PER_HOUR;
                }
        }
        return 0;
}

unsigned reference_sent_last_hour(const struct reference *reference, uint64_t now_usec)
{
        unsigned n = 0;

        for (size_t i = reference->n; i-- > 0;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (exchange->fate != FATE_ANEW && exchange->sent_usec + USEC_PER_HOUR <= now_usec) {
                        break;
                }
                n += counts(exchange);
        }
        return n;
}

unsigned rule_in_vain(const struct reference *reference, bool token)
{
        uint64_t since = token ? reference->sent_usec : 0;
        unsigned all = 0, n = 0;

        for (size_t i = reference->n; i-- > 0 && all < 60;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (!counts(exchange)) {
                        continue;
                }
                if (all++ == 0 && !token) {
                        since = usec_sub(exchange->sent_usec, 10 * USEC_PER_MIN);
                }
                n += exchange->share == REFRESH_SHARE_NEED && exchange->sent_usec > since;
        }
        return n;
}

static uint64_t floor_usec(const struct reference *reference)
{
        bool anew = false;

        for (size_t i = reference->n; i-- > 0;) {
                anew = anew || reference->exchanges[i].fate == FATE_ANEW;
                if (anew ? counts(&reference->exchanges[i]) : reference->exchanges[i].fate != FATE_FOUND) {
                        return reference->exchanges[i].sent_usec + USEC_PER_SEC;
                }
        }
        return 0;
}

uint64_t rule_usable_by(const struct reference_key *key)
{
        return usec_add(key->held_usec, key->held_spread_usec);
}

/* ... but for the keys' patience. */
uint64_t rule_upstream_by(const struct reference *reference, enum refresh_share share)
{
        uint64_t by = usec_add(reference->held_usec, reference->held_spread_usec);

        by = MAX_OF(by, floor_usec(reference));
        return MAX_OF(by, reference_free_usec(reference, share));
}

uint64_t reference_limited_by(const struct reference *reference, enum refresh_share share)
{
        uint64_t usable = USEC_NEVER;

        for (size_t i = 0; i < reference->n_order; i++) {
                usable = MIN_OF(usable, rule_usable_by(&reference->keys[reference->order[i]]));
        }
        return MAX_OF(usable, rule_upstream_by(reference, share));
}

/* ---- need ---- */

static bool is_failure(const struct reference_exchange *exchange)
{
        bool ended = exchange->fate == FATE_ANSWERED || exchange->fate == FATE_UNSENT;

        return ended && !exchange->fresh && exchange->share != REFRESH_SHARE_TRIAL;
}

/* The latest of the failures since the latest grant, and how many there are (at most 10 count). */
static const struct reference_exchange *latest_failure(const struct reference *reference, unsigned *ret_n)
{
        const struct reference_exchange *latest = NULL;

        *ret_n = 0;
        for (size_t i = reference->n; i-- > 0 && *ret_n < 10;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (exchange->fate == FATE_ANEW) {
                        *ret_n = MIN_OF(*ret_n + exchange->n_before, 10U);
                        break;
                }
                if (exchange->fresh) {
                        break;
                }
                if (is_failure(exchange)) {
                        latest = latest ? latest : exchange;
                        ++*ret_n;
                }
        }
        return latest;
}

bool reference_in_trouble(const struct reference *reference)
{
        unsigned n;
        return latest_failure(reference, &n) != NULL;
}

/* Between these two is the wait after it. */
static void wait_after(const struct reference_exchange *failure, unsigned n, uint64_t *ret_low,
                       uint64_t *ret_high)
{
        bool throttled = failure->outcome.outcome == EXCHANGE_THROTTLED &&
                         failure->outcome.retry_after_sec == RETRY_AFTER_NONE;
        uint64_t first = failure->calm ? 64 : throttled ? 16 : 1;
        uint64_t wait = first * USEC_PER_SEC << (n - 1);

        *ret_high = MIN_OF(wait, 115 * USEC_PER_SEC);
        *ret_low = wait < 115 * USEC_PER_SEC ? wait / 2 : 115 * USEC_PER_SEC / 4 * 3;
        if (failure->store) { /* so long others leave it to this one */
                *ret_high = MIN_OF(*ret_high, 100 * USEC_PER_SEC);
        }
        if (failure->patient) {
                *ret_high = 15 * USEC_PER_MIN;
                *ret_low = *ret_high / 4 * 3;
        }
}

void rule_not_only_401(struct reference *reference, uint64_t now_usec)
{
        uint64_t latest = now_usec + (reference->store ? 100 : 115) * USEC_PER_SEC;
        unsigned n;
        struct reference_exchange *failure = (struct reference_exchange *)latest_failure(reference, &n);

        reference->only_401_usec = 0;
        if (failure) { /* its quarter of an hour is over */
                failure->due_usec = MIN_OF(failure->due_usec, latest);
                failure->soon_usec = MIN_OF(failure->soon_usec, latest);
        }
}

bool reference_patient_at(const struct reference *reference, uint64_t usec)
{
        for (size_t i = 0; i < reference->n_order; i++) {
                if (reference->keys[reference->order[i]].known.cause != KEY_UNAUTHORIZED) {
                        return false;
                }
        }
        return reference->only_401_usec > 0 && reference->only_401_usec + USEC_PER_HOUR <= usec;
}

/* The exchange for a wish went with its key: a retry follows at once. */
static bool wish_was_lost(const struct reference *reference)
{
        for (size_t i = reference->n; i-- > 0;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (exchange->fate == FATE_LOST && exchange->share != REFRESH_SHARE_NEED &&
                    exchange->share != REFRESH_SHARE_TRIAL) {
                        return true;
                }
                if (exchange->fate == FATE_ANEW || exchange->fresh || is_failure(exchange)) {
                        return false;
                }
        }
        return false;
}

void reference_need_due(const struct reference *reference, uint64_t *ret_from_usec, uint64_t *ret_by_usec)
{
        unsigned n;
        const struct reference_exchange *failure = latest_failure(reference, &n);
        bool anew = reference->n == 0 || reference->exchanges[reference->n - 1].fate == FATE_ANEW;
        uint64_t low, high;

        for (size_t i = reference->n; !anew && i-- > 0 && !reference->exchanges[i].fresh;) {
                anew = reference->exchanges[i].fate == FATE_ANEW;
        }
        if (failure) {
                wait_after(failure, n, &low, &high);
                *ret_from_usec = MAX_OF(failure->sent_usec + low, failure->ended_usec + low / 2);
                *ret_by_usec = MAX_OF(failure->sent_usec + high, failure->ended_usec + (high + 1) / 2);
                *ret_from_usec = MIN_OF(*ret_from_usec, failure->soon_usec);
                *ret_by_usec = wish_was_lost(reference) ? 0 : MIN_OF(*ret_by_usec, failure->due_usec);
                *ret_from_usec = wish_was_lost(reference) ? 0 : *ret_from_usec;
        } else if (reference->life_usec == 0 ||
                   (anew && (!reference->restored || reference->restored_reported)) ||
                   wish_was_lost(reference)) {
                *ret_from_usec = *ret_by_usec = 0; /* there never was a token, or it is to be replaced */
        } else {
                bool given = reference->restored || reference->found;
                uint64_t paced = given ? 0 : reference->sent_usec + PACE_USEC;
                uint64_t tenths = reference->early ? 3 : 6;
                *ret_from_usec = MAX_OF(reference->sent_usec + reference->life_usec / 10 * tenths, paced);
                *ret_by_usec =
                        MAX_OF(reference->sent_usec + reference->life_usec / 10 * (tenths + 1), paced);
        }
}

/* ---- which key ---- */

bool rule_lives(const struct reference *reference, uint64_t now_usec)
{
        return reference->has_token && now_usec < reference->sent_usec + reference->life_usec;
}

/* The one that was asked the longest time ago. */
static uint64_t in_turn(const struct reference *reference, bool but_refused, uint64_t now_usec)
{
        uint64_t next = 0;

        for (size_t i = 0; i < reference->n_order; i++) {
                uint64_t serial = reference->order[i];
                const struct reference_key *key = &reference->keys[serial];
                if (key->held_usec <= now_usec && !(but_refused && key->known.standing == KEY_REFUSED) &&
                    (!next || key->asked < reference->keys[next].asked)) {
                        next = serial;
                }
        }
        return next;
}

/* The key for an ordinary exchange. 0: it depends on lots that the reference does not know. */
static uint64_t choose(const struct reference *reference, bool new_account, uint64_t now_usec)
{
        uint64_t first_good = 0, oldest = 0, untried = 0, oldest_seen = USEC_NEVER;
        bool good_without_doubt = false;

        for (size_t i = 0; i < reference->n_order; i++) {
                uint64_t serial = reference->order[i];
                const struct reference_key *key = &reference->keys[serial];
                bool good = key->known.standing == KEY_GOOD;
                if (key->held_usec > now_usec) {
                        continue;
                }
                if (rule_usable_by(key) > now_usec) {
                        return 0;
                }
                first_good = good && !first_good ? serial : first_good;
                if (good && !key->kept && key->known.seen_usec + 24 * USEC_PER_HOUR <= now_usec &&
                    key->known.seen_usec < oldest_seen) {
                        oldest = serial;
                        oldest_seen = key->known.seen_usec;
                }
                bool fresh = key->known.standing == KEY_UNTRIED && key->heard == KEY_NOT_ASKED;
                untried = fresh && !untried ? serial : untried;
                good_without_doubt = good_without_doubt || (good && key->heard != KEY_FAILED);
        }
        if (reference->store && now_usec < reference->cool_usec) {
                return 0; /* some may be left to others */
        }
        if (new_account && untried) {
                return untried;
        }
        if (!reference_in_trouble(reference) && first_good) {
                return oldest ? oldest : first_good;
        }
        return untried ? untried
                       : in_turn(reference, rule_lives(reference, now_usec) && good_without_doubt, now_usec);
}

/* A round asks the last good one first. */
static bool is_next_around(const struct reference *reference, uint64_t serial, uint64_t now_usec)
{
        const struct reference_key *asked = &reference->keys[serial];

        for (size_t i = 0; i < reference->n_order; i++) {
                const struct reference_key *key = &reference->keys[reference->order[i]];
                bool later =
                        asked->known.standing != KEY_GOOD || asked->known.seen_usec < key->known.seen_usec;
                if (key != asked && !key->asked_around && rule_usable_by(key) <= now_usec &&
                    key->known.standing == KEY_GOOD && later) {
                        return false;
                }
        }
        return true;
}

/* ---- may it be? ---- */

bool rule_spares(const struct reference *reference, const struct reference_exchange *exchange,
                 uint64_t now_usec)
{
        uint64_t expires = exchange->sent_usec + exchange->outcome.lifetime_sec * USEC_PER_SEC;
        bool reported = reference->reported || reference->restored_reported;

        return exchange->share == REFRESH_SHARE_TRIAL && rule_lives(reference, now_usec) && !reported &&
               reference->sent_usec + reference->life_usec > expires;
}

static const char *may_compare(const struct reference *reference, uint64_t serial, enum refresh_share share,
                               uint64_t now_usec)
{
        bool chance = rule_chance_possible(reference, now_usec) && share == REFRESH_SHARE_NEED;
        bool asked =
                !reference->round || reference->keys[serial].asked_around || reference->round_share != share;

        if (asked) {
                return chance ? NULL : "round: a key was compared twice, or without a cause";
        }
        return chance || !reference->round_sure || is_next_around(reference, serial, now_usec)
                       ? NULL
                       : "round: the key that was good last is asked first";
}

/* A trial stays out of the way of a living token's exchange: where that may start so soon, there is none. */
#define CLEAR_USEC (25 * USEC_PER_SEC)

static const char *may_try(const struct reference *reference, uint64_t serial, uint64_t now_usec)
{
        struct rule_chance chance = rule_last_chance(reference);
        uint64_t from, by;

        reference_need_due(reference, &from, &by);
        if (chance.from_usec != USEC_NEVER && !rule_served_since(reference, chance.from_usec)) {
                by = MIN_OF(by, chance.by_usec);
        }
        if (reference->keys[serial].trial_from_usec > now_usec) {
                return "trial: nobody wished it now";
        }
        by = MAX_OF(by, reference_limited_by(reference, REFRESH_SHARE_NEED));
        by = MAX_OF(by, reference_put_off_by(reference, /* demand= */ false, now_usec));
        return rule_lives(reference, now_usec) && by <= now_usec + CLEAR_USEC
                       ? "trial: it is in the way of the token's exchange"
                       : NULL;
}

static const char *may_need(const struct reference *reference, uint64_t serial, enum refresh_reason reason,
                            uint64_t now_usec)
{
        bool wish = reason == REFRESH_REPORTED || reason == REFRESH_DEMANDED || reason == REFRESH_OPERATOR;
        uint64_t from, by, key = choose(reference, wish && reference->wish_new_account, now_usec);
        bool chance = rule_chance_possible(reference, now_usec);

        reference_need_due(reference, &from, &by);
        if (wish && !(reference->wish && reference->wish_reason == reason)) {
                return "wish: nobody has it";
        }
        if (!wish && now_usec < from && !chance) {
                return "need: earlier than it is due";
        }
        if (reason == REFRESH_RETRY && !reference_in_trouble(reference) && !reference->restored_reported &&
            !wish_was_lost(reference)) {
                return "need: a retry without a failure";
        }
        return key == 0 || key == serial || (chance && !wish) ? NULL : "choice: another key's turn";
}

const char *reference_may(const struct reference *reference, uint64_t key, enum refresh_reason reason,
                          enum refresh_share share, uint64_t now_usec)
{
        static const enum refresh_share shares[_REFRESH_REASON_COUNT] = {
                [REFRESH_TRIAL] = REFRESH_SHARE_TRIAL,
                [REFRESH_REPORTED] = REFRESH_SHARE_REPORT,
                [REFRESH_DEMANDED] = REFRESH_SHARE_DEMAND,
                [REFRESH_OPERATOR] = REFRESH_SHARE_OPERATOR,
        };
        const struct reference_key *state = &reference->keys[key];

        if (now_usec < floor_usec(reference)) {
                return "floor: within a second of the last exchange";
        }
        if (now_usec < reference_free_usec(reference, share)) {
                return "budget: the hour's share is used up";
        }
        if (now_usec < reference->held_usec) {
                return "patience: earlier than the upstream's Retry-After";
        }
        if (!state->there) {
                return "keys: one was used that is not there";
        }
        if (now_usec < state->held_usec) {
                return "patience: earlier than the Retry-After of this key";
        }
        if (reason == REFRESH_COMPARED) {
                return may_compare(reference, key, share, now_usec);
        }
        if (share != shares[reason]) {
                return "share: taken from another than the reason's";
        }
        return reason == REFRESH_TRIAL ? may_try(reference, key, now_usec)
                                       : may_need(reference, key, reason, now_usec);
}
