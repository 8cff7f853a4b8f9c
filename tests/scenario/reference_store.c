/* The rules for a store that others share: it may put an exchange off, but not for long. */
#include "lib/util.h"
#include "tests/scenario/reference_rules.h"

bool reference_good(const struct reference *reference, uint64_t now_usec)
{
        return rule_lives(reference, now_usec) && !reference->reported && !reference->restored_reported;
}

bool reference_calm(const struct reference *reference, uint64_t now_usec)
{
        return reference->store && !reference->failed && reference->life_usec >= 600 * USEC_PER_SEC &&
               reference_good(reference, now_usec) &&
               now_usec + 100 * USEC_PER_SEC <= reference->sent_usec + reference->life_usec / 10 * 8;
}

static uint64_t issued_usec(const struct refresh_claim *claim, uint64_t now_usec)
{
        return MIN_OF(claim->issued_usec, now_usec);
}

static uint64_t expires_usec(const struct refresh_claim *claim, uint64_t now_usec)
{
        uint64_t most = usec_add(issued_usec(claim, now_usec), claim->lifetime_sec * USEC_PER_SEC);

        return MIN_OF(claim->expires_usec, most);
}

bool reference_is_of_use(const struct reference *reference, const struct refresh_claim *claim,
                         uint64_t now_usec)
{
        uint64_t expires = expires_usec(claim, now_usec);
        bool longer = expires > reference->sent_usec + reference->life_usec;

        return expires > now_usec && (longer || claim->new_account || !reference_good(reference, now_usec));
}

static void prove_key(struct reference *reference, uint64_t serial, uint64_t issued, uint64_t now_usec)
{
        struct reference_key *key = &reference->keys[serial];

        for (size_t i = 0; i < reference->n_order; i++) {
                struct reference_key *other = &reference->keys[reference->order[i]];
                bool waits = other->n_unheard > 0 && other->trial_from_usec == USEC_NEVER;
                bool in_doubt = other->heard == KEY_FAILED && other->known.standing != KEY_REFUSED;
                if (other != key && (waits || in_doubt) && !other->kept) {
                        other->trial_from_usec = other->trial_by_usec = now_usec;
                }
                other->heard = KEY_NOT_ASKED;
        }
        if (issued > key->known.seen_usec) {
                rule_key_is_good(reference, serial, issued);
        }
}

/* Somebody was answered otherwise than with 401. */
static void note_grant(struct reference *reference, uint64_t issued, uint64_t now_usec)
{
        if (issued > reference->only_401_usec) {
                rule_not_only_401(reference, now_usec);
        }
}

/* The token's own time: from then on nothing is put off. */
static uint64_t own_by(const struct reference *reference)
{
        uint64_t life = reference->life_usec, tenths = life >= 600 * USEC_PER_SEC ? 9 : 7;
        uint64_t by = reference->sent_usec + life / 10 * tenths;

        by = reference->found || reference->restored ? by : MAX_OF(by, reference->sent_usec + PACE_USEC);
        by = reference_found_late(reference)
                     ? (reference->found_usec + reference->sent_usec + reference->life_usec) / 2
                     : by;
        by = reference->unanswered ? MIN_OF(by, reference->own_by_usec) : by;
        return MIN_OF(by, reference->sent_usec + reference->life_usec);
}

void reference_found(struct reference *reference, uint64_t key, const struct refresh_claim *claim,
                     uint64_t now_usec)
{
        uint64_t issued = issued_usec(claim, now_usec), expires = expires_usec(claim, now_usec);
        bool good = reference_good(reference, now_usec);
        uint64_t own = reference->unanswered && good ? own_by(reference) : USEC_NEVER;

        if (good) {
                reference->n_rejected = 0;
        }
        prove_key(reference, key, issued, now_usec);
        *rule_append(reference) = (struct reference_exchange){
                .fate = FATE_FOUND, .fresh = true, .sent_usec = now_usec, .ended_usec = now_usec, .key = key
        };
        note_grant(reference, issued, now_usec);
        reference->round = reference->round_sure = reference->need_rounded = reference->trial_rounded =
                false;
        reference->has_token = reference->early = reference->found = true;
        reference->restored = reference->restored_reported = reference->reported = false;
        reference->chance_taken = false;
        reference->found_usec = now_usec;
        reference->failed = false;
        reference->sent_usec = issued;
        reference->life_usec = expires - issued;
        reference->lifetime_sec = claim->lifetime_sec;
        reference->unanswered = reference_found_late(reference);
        reference->own_by_usec = reference->unanswered ? own : USEC_NEVER;
        reference->put_off = false;
        reference->pause_usec = reference_found_late(reference) ? 0 : now_usec + 10 * USEC_PER_SEC;
        if (expires >= now_usec + 100 * USEC_PER_SEC) {
                reference->told_usec = 0;
        }
        bool enough = reference->wish_reason == REFRESH_REPORTED ||
                      (reference->wish_reason == REFRESH_DEMANDED &&
                       expires - now_usec >= reference->min_ttl_sec * USEC_PER_SEC);
        reference->wish = reference->wish && !enough;
}

void reference_told(struct reference *reference, enum refresh_claim_kind kind, uint64_t now_usec)
{
        bool demand = reference->wish && reference->wish_reason == REFRESH_DEMANDED;
        bool put_off = kind == REFRESH_CLAIM_LEASED || kind == REFRESH_CLAIM_COOL;

        reference->put_off = put_off;
        reference->failed = kind == REFRESH_CLAIM_FAILED;
        reference->pause_usec = 0;
        if (put_off && reference->told_usec == 0 && (demand || !reference_good(reference, now_usec))) {
                reference->told_usec = now_usec;
        }
        if (kind == REFRESH_CLAIM_COOL) {
                reference->cool_usec = now_usec + 126 * USEC_PER_SEC;
        }
}

void reference_trial_told(struct reference *reference, uint64_t key, enum refresh_claim_kind kind)
{
        reference->failed = kind == REFRESH_CLAIM_FAILED;
        if (kind == REFRESH_CLAIM_LEASED || kind == REFRESH_CLAIM_COOL) {
                reference->keys[key].put_off_usec = reference->keys[key].trial_from_usec;
        }
}

bool reference_proves(const struct reference *reference, uint64_t key, const struct refresh_claim *claim,
                      uint64_t now_usec)
{
        return issued_usec(claim, now_usec) > reference->keys[key].known.seen_usec;
}

void reference_proven(struct reference *reference, uint64_t key, const struct refresh_claim *claim,
                      uint64_t now_usec)
{
        reference->failed = false;
        rule_key_is_good(reference, key, issued_usec(claim, now_usec));
        note_grant(reference, issued_usec(claim, now_usec), now_usec);
}

void reference_store_wished(struct reference *reference, enum refresh_reason reason, uint32_t min_ttl_sec,
                            uint64_t now_usec)
{
        bool more = reference->wish && reference->wish_reason == REFRESH_DEMANDED;

        if (reason == REFRESH_DEMANDED) {
                reference->min_ttl_sec = more ? MAX_OF(reference->min_ttl_sec, min_ttl_sec) : min_ttl_sec;
                reference->put_off = reference->put_off && reference->wish;
                return;
        }
        reference->put_off = false;
        reference->told_usec = reference->pause_usec = 0;
        if (reference->found && ++reference->n_rejected == 2) {
                reference->n_rejected = 0;
                reference->distrust_usec = now_usec + reference->lifetime_sec * USEC_PER_SEC;
        }
}

const char *reference_may_claim(const struct reference *reference, enum refresh_share share,
                                uint64_t now_usec)
{
        if (!reference->store) {
                return "claim: there is no store";
        }
        if (share == REFRESH_SHARE_OPERATOR) {
                return "claim: an operator's wish";
        }
        return now_usec < reference->distrust_usec ? "claim: its tokens were reported twice" : NULL;
}

/* Without a good token, attempts are at most 115 s apart; one that takes 5 s to ask the store is one. */
static uint64_t told_by(const struct reference *reference)
{
        uint64_t by = reference->told_usec > 0 ? reference->told_usec + 100 * USEC_PER_SEC : 0;

        for (size_t i = reference->n; i-- > 0;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (exchange->fate == FATE_ANEW) {
                        break;
                }
                if (exchange->fate != FATE_FOUND && exchange->share != REFRESH_SHARE_TRIAL) {
                        uint64_t next = exchange->sent_usec + 110 * USEC_PER_SEC;
                        return next > reference->told_usec ? MIN_OF(by, next) : by;
                }
        }
        return by;
}

uint64_t reference_put_off_by(const struct reference *reference, bool demand, uint64_t now_usec)
{
        bool good = reference_good(reference, now_usec);
        uint64_t told = told_by(reference);

        if (!reference->store) {
                return 0;
        }
        if (!reference->put_off) {
                uint64_t by = MIN_OF(reference->pause_usec, good ? own_by(reference) : USEC_NEVER);
                uint64_t least = usec_sub(reference->pause_usec, 6 * USEC_PER_SEC);
                return MAX_OF(by, least);
        }
        if (!good && rule_lives(reference, now_usec)) {
                told = MIN_OF(told, own_by(reference));
        }
        return !good    ? (reference_in_trouble(reference) ? 0 : told)
               : demand ? MIN_OF(own_by(reference), told)
                        : own_by(reference);
}
