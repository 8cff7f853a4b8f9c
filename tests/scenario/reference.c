/* The books of the reference: exchanges, and their outcomes for need, wishes and the token.
 *
 * Where two rules disagree, or none says, it is settled here.
 *
 * A hold wins over the last chance, the budget over everything, the floor over "at once": so "once, soon"
 * is a second for each key in front.
 *
 * The first failure of need that concerns a key begins a comparison although a trial's was had. One that is
 * due while a last chance is under way is that one; a last chance that was put off by a hold or the budget
 * goes on when the token has ended.
 *
 * An answer to a key whose file was written again in mid-exchange is about the content of before: the trial
 * stands, unless that answer is a grant.
 *
 * A key's own patience ends with the program: the knowledge of a key is left of it. A wish that sent nothing
 * leaves nothing: across a restart the floor is between what was sent.
 *
 * A report that led to no token yet outlives a restart: the next machine asks at once, as a retry would. In
 * trouble a report costs nothing, as the retry is for it as well.
 *
 * A wish whose key goes in mid-exchange has had its exchange; a retry of need's follows at once.
 *
 * A key that was held back was not asked, and did not serve need.
 *
 * While a token lives a refused key is passed over, though it may work again: the 120 s for each key count
 * from the token's end, or from the last tenth of its life. */
#include "lib/util.h"
#include "tests/scenario/reference_rules.h"

void reference_init(struct reference *reference)
{
        *reference = (struct reference){ 0 };
}

void reference_clear(struct reference *reference)
{
        free(reference->exchanges);
        reference->exchanges = NULL;
}

struct reference_exchange *rule_append(struct reference *reference)
{
        if (reference->n == reference->size) {
                reference->size = reference->size ? 2 * reference->size : 256;
                reference->exchanges =
                        realloc(reference->exchanges, reference->size * sizeof(reference->exchanges[0]));
                if (!reference->exchanges) {
                        abort();
                }
        }
        struct reference_exchange *exchange = &reference->exchanges[reference->n++];
        *exchange = (struct reference_exchange){ .due_usec = USEC_NEVER };
        return exchange;
}

struct reference_exchange *rule_under_way(struct reference *reference)
{
        struct reference_exchange *latest =
                reference->n > 0 ? &reference->exchanges[reference->n - 1] : NULL;
        return latest && latest->fate == FATE_UNDER_WAY ? latest : NULL;
}

const struct reference_exchange *reference_latest(const struct reference *reference)
{
        return reference->n > 0 ? &reference->exchanges[reference->n - 1] : NULL;
}

static void begin_round(struct reference *reference, enum refresh_share share)
{
        reference->round = reference->round_sure = true;
        reference->round_share = share;
        for (size_t i = 0; i < reference->n_order; i++) {
                reference->keys[reference->order[i]].asked_around =
                        reference->order[i] == reference->asked_key;
        }
}

/* An exchange that compares keys, and no round explains it: the last chance has begun. */
static void note_last_chance(struct reference *reference, uint64_t key, enum refresh_share share)
{
        if (share == REFRESH_SHARE_NEED &&
            !(reference->round && reference->round_share == REFRESH_SHARE_NEED &&
              !reference->keys[key].asked_around)) {
                reference->asked_key = 0;
                begin_round(reference, REFRESH_SHARE_NEED);
                reference->round_sure = false; /* it may have begun before, and others were asked since */
                reference->chance_taken = true;
        }
}

void reference_sent(struct reference *reference, uint64_t key, enum refresh_reason reason,
                    enum refresh_share share, uint64_t now_usec)
{
        if (reason == REFRESH_COMPARED) {
                note_last_chance(reference, key, share);
        }
        struct reference_exchange *exchange = rule_append(reference);

        exchange->sent_usec = now_usec;
        exchange->ended_usec = USEC_NEVER;
        exchange->key = key;
        exchange->reason = reason;
        exchange->share = share;
        reference->asked_key = key;
        reference->keys[key].asked = reference->n;
        reference->keys[key].asked_around = true;
        reference->keys[key].trial_stands = false;
        if (share != REFRESH_SHARE_TRIAL) {
                reference->unanswered = false;
                reference->put_off = false;
                reference->told_usec = reference->pause_usec = 0;
        }
}

static void note_patience(struct reference *reference, const struct reference_exchange *exchange,
                          uint64_t now_usec)
{
        const struct refresh_outcome *outcome = &exchange->outcome;

        if (outcome->retry_after_sec == RETRY_AFTER_NONE) {
                return;
        }
        uint64_t wait = MIN_OF(outcome->retry_after_sec, 3600U) * USEC_PER_SEC;
        uint64_t spread = MIN_OF(wait / 4, 100 * USEC_PER_SEC);
        if (outcome->retry_after_for_key) {
                reference->keys[exchange->key].held_usec = now_usec + wait;
                reference->keys[exchange->key].held_spread_usec = spread;
        } else {
                reference->held_usec = now_usec + wait;
                reference->held_spread_usec = spread;
        }
}

/* The schedule failed: when it is tried again is told by reference_need_due(). An early failure does not put
 * the ordinary refresh off. */
static void need_failed(struct reference *reference, struct reference_exchange *exchange, bool concerns_key,
                        bool first, uint64_t now_usec)
{
        uint64_t tenths = reference->early ? 3 : 6;
        uint64_t low = reference->sent_usec + reference->life_usec / 10 * tenths;
        uint64_t high = reference->sent_usec + reference->life_usec / 10 * (tenths + 1);
        bool lives = reference->has_token && reference->sent_usec + reference->life_usec > now_usec;

        exchange->soon_usec = lives && high > now_usec ? MAX_OF(low, now_usec) : USEC_NEVER;
        exchange->due_usec = lives && low > now_usec ? high : USEC_NEVER;
        exchange->patient = exchange->outcome.outcome == EXCHANGE_KEY_REFUSED &&
                            reference_patient_at(reference, now_usec);
        reference->wish = false;
        if (first) {
                reference->need_rounded = reference->trial_rounded = false;
                reference->round = reference->round && reference->round_share == REFRESH_SHARE_NEED;
                reference->round_sure = reference->round_sure && reference->round;
        }
        if (concerns_key && !reference->need_rounded) {
                bool round = reference->round && reference->round_share == REFRESH_SHARE_NEED;
                bool chance = round || rule_chance_possible(reference, now_usec);
                reference->need_rounded = true;
                if (!round || !reference->round_sure) {
                        begin_round(reference, REFRESH_SHARE_NEED);
                        reference->round_sure = !chance; /* else that of a last chance may go on */
                }
        }
}

static void granted(struct reference *reference, struct reference_exchange *exchange, uint64_t now_usec)
{
        uint64_t life = exchange->outcome.lifetime_sec * USEC_PER_SEC;
        bool lives = exchange->sent_usec + life > now_usec;
        bool another = reference->wish_new_account && exchange->reason != REFRESH_OPERATOR;

        rule_key_granted(reference, exchange->key, now_usec);
        rule_not_only_401(reference, now_usec);
        reference->round = reference->round_sure = false;
        reference->need_rounded = reference->trial_rounded = false;
        exchange->fresh = lives && !rule_spares(reference, exchange, now_usec);
        exchange->soon_usec = USEC_NEVER;
        if (exchange->fresh ? !another : exchange->share != REFRESH_SHARE_TRIAL) {
                reference->wish = false;
        }
        if (lives) {
                reference->held_usec = reference->held_spread_usec = 0;
        }
        if (exchange->fresh) {
                if (reference_good(reference, now_usec)) {
                        reference->n_rejected = 0;
                }
                reference->has_token = true;
                reference->found = reference->early = reference->unanswered = false;
                reference->lifetime_sec = exchange->outcome.lifetime_sec;
                reference->restored = reference->restored_reported = reference->reported = false;
                reference->chance_taken = false;
                reference->sent_usec = exchange->sent_usec;
                reference->life_usec = life;
        }
}

void reference_answered(struct reference *reference, const struct refresh_outcome *outcome,
                        uint64_t now_usec)
{
        struct reference_exchange *exchange = rule_under_way(reference);
        bool first = !reference_in_trouble(reference), need = exchange->share != REFRESH_SHARE_TRIAL;

        exchange->fate = outcome->unsent ? FATE_UNSENT : FATE_ANSWERED;
        exchange->ended_usec = now_usec;
        exchange->outcome = *outcome;
        exchange->store = reference->store;
        exchange->calm = outcome->outcome != EXCHANGE_GRANTED && reference_calm(reference, now_usec);
        if (outcome->outcome == EXCHANGE_GRANTED) {
                granted(reference, exchange, now_usec);
                return;
        }
        bool concerns_key =
                outcome->outcome != EXCHANGE_UNAVAILABLE && outcome->outcome != EXCHANGE_THROTTLED;
        bool in_doubt =
                outcome->outcome == EXCHANGE_REQUEST_REFUSED || outcome->outcome == EXCHANGE_MALFORMED;
        if (outcome->outcome != EXCHANGE_KEY_REFUSED) {
                rule_not_only_401(reference, now_usec);
        } else if (reference->only_401_usec == 0 ||
                   reference->keys[exchange->key].known.cause != KEY_UNAUTHORIZED) {
                reference->only_401_usec = now_usec;
        }
        rule_key_failed(reference, exchange, now_usec);
        note_patience(reference, exchange, now_usec);
        if (need) {
                need_failed(reference, exchange, concerns_key, first, now_usec);
        } else if (in_doubt && !reference->need_rounded && !reference->trial_rounded) {
                reference->trial_rounded = true;
                begin_round(reference, REFRESH_SHARE_TRIAL);
        }
}
