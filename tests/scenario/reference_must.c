/* By when an exchange must have been sent, and what the books are told besides exchanges. */
#include "lib/util.h"
#include "tests/scenario/reference_rules.h"

static uint64_t need_by(const struct reference *reference, uint64_t now_usec)
{
        uint64_t from, by;

        reference_need_due(reference, &from, &by);
        by = MAX_OF(by, reference_put_off_by(reference, /* demand= */ false, now_usec));
        return MAX_OF(by, reference_limited_by(reference, REFRESH_SHARE_NEED));
}

/* One attempt lies in the last tenth, unless the upstream's patience or the budget is against it. */
static uint64_t chance_by(const struct reference *reference)
{
        struct rule_chance chance = rule_last_chance(reference);

        if (chance.from_usec == USEC_NEVER || rule_served_since(reference, chance.from_usec)) {
                return USEC_NEVER;
        }
        uint64_t by = MAX_OF(chance.by_usec, reference_limited_by(reference, REFRESH_SHARE_NEED));
        return by < reference->sent_usec + reference->life_usec ? by : USEC_NEVER;
}

/* A comparison goes on as fast as it may. */
static uint64_t round_by(const struct reference *reference, uint64_t now_usec)
{
        bool unclear = rule_lives(reference, now_usec) && rule_last_chance(reference).from_usec <= now_usec;

        return reference->round && reference->round_sure && !unclear
                       ? rule_upstream_by(reference, reference->round_share)
                       : USEC_NEVER;
}

static uint64_t wish_by(const struct reference *reference, uint64_t now_usec)
{
        static const enum refresh_share shares[_REFRESH_REASON_COUNT] = {
                [REFRESH_REPORTED] = REFRESH_SHARE_REPORT,
                [REFRESH_DEMANDED] = REFRESH_SHARE_DEMAND,
                [REFRESH_OPERATOR] = REFRESH_SHARE_OPERATOR,
        };
        if (!reference->wish) {
                return USEC_NEVER;
        }
        uint64_t put_off = reference_put_off_by(reference, /* demand= */ true, now_usec);
        return MAX_OF(reference_limited_by(reference, shares[reference->wish_reason]),
                      reference->wish_reason == REFRESH_OPERATOR ? 0 : put_off);
}

/* Each key that is to be tried, but for the time shortly before the token's exchange. */
static uint64_t trials_by(const struct reference *reference, uint64_t now_usec)
{
        struct rule_chance chance = rule_last_chance(reference);
        uint64_t earliest = USEC_NEVER, from, by;

        reference_need_due(reference, &from, &by);
        if (chance.from_usec != USEC_NEVER && !rule_served_since(reference, chance.by_usec)) {
                from = MIN_OF(from, chance.from_usec);
        }
        from = MAX_OF(from,
                      MAX_OF(reference->held_usec, reference_free_usec(reference, REFRESH_SHARE_NEED)));
        for (size_t i = 0; i < reference->n_order; i++) {
                const struct reference_key *key = &reference->keys[reference->order[i]];
                if (key->trial_by_usec != USEC_NEVER) {
                        bool put_off = reference->store && key->put_off_usec == key->trial_from_usec;
                        uint64_t wait = put_off ? 10 * USEC_PER_MIN + 136 * USEC_PER_SEC : 0;
                        uint64_t usec =
                                MAX_OF(MAX_OF(key->trial_by_usec + wait, rule_usable_by(key)), now_usec);
                        usec = MAX_OF(usec, rule_upstream_by(reference, REFRESH_SHARE_TRIAL));
                        usec = reference->store ? MAX_OF(usec, reference->cool_usec) : usec;
                        bool in_the_way =
                                rule_lives(reference, now_usec) && from <= usec + 25 * USEC_PER_SEC;
                        earliest = in_the_way ? earliest : MIN_OF(earliest, usec);
                }
        }
        return earliest;
}

uint64_t reference_must(const struct reference *reference, uint64_t now_usec)
{
        if (reference->n_order == 0) {
                return USEC_NEVER;
        }
        uint64_t by = need_by(reference, now_usec);
        by = MIN_OF(by, chance_by(reference));
        by = MIN_OF(by, round_by(reference, now_usec));
        by = MIN_OF(by, wish_by(reference, now_usec));
        return MIN_OF(by, trials_by(reference, now_usec));
}

/* ---- the books: other events ---- */

void reference_settle(struct reference *reference, uint64_t now_usec)
{
        bool maybe = false, sure = false;

        for (size_t i = 0; i < reference->n_order; i++) {
                const struct reference_key *key = &reference->keys[reference->order[i]];
                maybe = maybe || (!key->asked_around && key->held_usec <= now_usec);
                sure = sure || (!key->asked_around && rule_usable_by(key) <= now_usec);
        }
        bool busy = reference->n > 0 && reference->exchanges[reference->n - 1].fate == FATE_UNDER_WAY;
        reference->round = reference->round && (maybe || busy);
        reference->round_sure = reference->round_sure && (sure || busy);
}

void reference_reported(struct reference *reference)
{
        reference->reported = true;
}

void reference_wished(struct reference *reference, enum refresh_reason reason, uint64_t now_usec)
{
        reference->wish_new_account = reference->wish && reference->wish_new_account;
        if (!reference->wish || reason == REFRESH_OPERATOR) {
                reference->wish = true;
                reference->wish_reason = reason;
        }
        reference->reported = reference->reported || reason == REFRESH_REPORTED;
}

void reference_operator(struct reference *reference, bool new_account, uint64_t now_usec)
{
        rule_not_only_401(reference, now_usec);
        for (size_t i = 0; i < reference->n_order; i++) {
                struct reference_key *key = &reference->keys[reference->order[i]];
                if (key->known.standing != KEY_REFUSED || key->kept) {
                        continue;
                }
                if (new_account && key->known.cause == KEY_OF_OTHER_ACCOUNT) {
                        key->known = (struct key_knowledge){ 0 };
                        key->heard = KEY_NOT_ASKED;
                }
                key->trial_from_usec = key->trial_by_usec = now_usec;
                key->trial_stands = true;
        }
        reference_wished(reference, REFRESH_OPERATOR, now_usec);
        reference->wish_new_account = reference->wish_new_account || new_account;
}

void reference_expired(struct reference *reference)
{
        reference->has_token = false;
}

void reference_off(struct reference *reference, uint64_t now_usec)
{
        reference_anew(reference, /* token= */ false, /* same_upstream= */ true, now_usec);
        reference->exchanges[reference->n - 1].n_before = 0;
        reference->only_401_usec = 0;
}

void reference_held(struct reference *reference, bool key, uint64_t until_usec, uint64_t now_usec)
{
        struct reference_exchange *exchange = rule_under_way(reference);

        exchange->fate = FATE_HELD;
        reference->chance_taken = false; /* if that was the last chance, it is still to come */
        exchange->ended_usec = now_usec;
        reference->keys[exchange->key].asked_around = false;
        if (key) {
                reference->keys[exchange->key].held_usec = until_usec;
                reference->keys[exchange->key].held_spread_usec = 0;
        } else if (until_usec > reference->held_usec + reference->held_spread_usec) {
                reference->held_usec = until_usec;
                reference->held_spread_usec = 0;
        }
}

void reference_given_up(struct reference *reference, uint64_t now_usec)
{
        struct reference_exchange *exchange = rule_under_way(reference);
        struct reference_key *key = &reference->keys[exchange->key];

        exchange->fate = FATE_LOST;
        exchange->ended_usec = now_usec;
        key->heard = key->heard == KEY_NOT_ASKED ? KEY_UNHEARD : key->heard;
        if (key->trial_from_usec != USEC_NEVER && !key->trial_stands) {
                key->trial_from_usec = key->trial_by_usec = now_usec + 115 * USEC_PER_SEC;
                key->n_unheard++;
        }
}

void reference_anew(struct reference *reference, bool token, bool same_upstream, uint64_t now_usec)
{
        struct reference_exchange *exchange = rule_under_way(reference);

        if (exchange) {
                exchange->fate = FATE_LOST;
                exchange->ended_usec = now_usec;
        }
        unsigned n_before = same_upstream ? rule_in_vain(reference, token) : 0;
        *rule_append(reference) = (struct reference_exchange){ .fate = FATE_ANEW, .n_before = n_before };
        memset(reference->keys, 0, sizeof(reference->keys));
        reference->n_order = 0;
        reference->started = reference->wish = false;
        reference->round = reference->round_sure = false;
        reference->need_rounded = reference->trial_rounded = false;
        reference->asked_key = 0;
        reference->has_token = reference->restored = token;
        reference->restored_reported = token && reference->reported;
        reference->chance_taken = false;
        reference->put_off = reference->found = reference->unanswered = false;
        reference->told_usec = reference->pause_usec = reference->cool_usec = reference->distrust_usec = 0;
        reference->n_rejected = 0;
        reference->failed = false;
        if (!token) {
                reference->life_usec = 0;
                reference->reported = reference->early = false;
        }
        if (!same_upstream) {
                reference->held_usec = reference->held_spread_usec = reference->only_401_usec = 0;
        }
}
