/* The judge of the machine's steps: carries each out, and compares it with the reference and the promises of
 * model.h. */
#include "lib/refresh_words.h"
#include "tests/scenario/model.h"

#include <inttypes.h>

static void begin_exchange(struct model *model)
{
        uint64_t now = model->now_usec, key = model->step.key_serial;
        enum refresh_share share = model->machine.in_flight_share;

        model_check(model, !model->in_flight, "one: an exchange was started while another was in flight");
        model_check(model, key > 0 && key < MODEL_KEYS_MAX, "cause: there never was such a key");
        if (model->broken) {
                return;
        }
        const char *against = reference_may(&model->reference, key, model->step.reason, share, now);
        model_check(model, !against, against);
        reference_sent(&model->reference, key, model->step.reason, share, now);
        model->in_flight = true;
        model->in_flight_key = key;
        model->in_flight_reason = model->step.reason;
        model->sent_usec = now;
}

static void begin_claim(struct model *model)
{
        uint64_t now = model->now_usec, key = model->step.key_serial;
        uint64_t *slot = &model->claims_usec[model->n_claims++ % MODEL_CLAIMS_PER_HOUR];
        enum refresh_share share = model->machine.in_flight_share;

        model_check(model, !model->in_flight && !model->claiming && !model->step.exchange,
                    "one: a claim was started while something else was under way");
        model_check(model, model->n_claims <= MODEL_CLAIMS_PER_HOUR || *slot + USEC_PER_HOUR <= now,
                    "claim: the store is asked too often");
        const char *against = reference_may_claim(&model->reference, share, now);
        model_check(model, !against, against);
        against = reference_may(&model->reference, key, model->step.reason, share, now);
        model_check(model, !against, against);
        *slot = model->claimed_usec = now;
        model->claimed_share = share;
        model->claiming = true;
        model->in_flight_key = key;
        model->in_flight_reason = model->step.reason;
}

/* It is given up for its silence. */
static void end_claim(struct model *model)
{
        model_check(model,
                    model->claimed_usec + REFRESH_CLAIM_USEC <= model->now_usec ||
                            !model->machine.store.used,
                    "claim: given up before its time");
        model->claiming = false;
        if (model->claimed_share == REFRESH_SHARE_TRIAL) {
                reference_trial_told(&model->reference, model->in_flight_key, REFRESH_CLAIM_FAILED);
        } else {
                reference_told(&model->reference, REFRESH_CLAIM_FAILED, model->now_usec);
        }
}

static void judge_token(struct model *model, const struct refresh_step *step)
{
        uint64_t now = model->now_usec;

        if (step->expired) {
                model_check(model, model->has_token && model->expires_usec <= now,
                            "living: let go before its expiry");
                model->has_token = false;
                reference_expired(&model->reference);
        }
        if (step->off) {
                model_check(model, model->n_files == 0 && model->keyless_usec + REFRESH_OFF_USEC <= now,
                            "living: off, though there is or was a key");
                model->has_token = model->had_files = false;
                model->attainable_sec = 0;
                reference_off(&model->reference, now);
        }
        model_check(model, !model->has_token || model->expires_usec > now,
                    "expired: an expired token is in hand");
        model_check(model, !model->has_token || step->wake_usec <= model->expires_usec,
                    "expired: no call is asked for by the token's expiry");
        model_check(model, model->machine.has_token == model->has_token,
                    "living: the machine and its steps disagree about the token");
        model_check(model,
                    model->n_files > 0 || !model->has_token ||
                            step->wake_usec <= model->keyless_usec + REFRESH_OFF_USEC,
                    "off: no call is asked for, though there is no key");
}

/* The keyring is what the reference makes of the same events. */
static void judge_keys(struct model *model)
{
        const struct keyring *keyring = &model->machine.keyring;
        const struct reference *reference = &model->reference;

        model_check(model, keyring->n == reference->n_order, "known: a key is missing, or one too many");
        for (size_t i = 0; i < reference->n_order && !model->broken; i++) {
                const struct key_state *key = &keyring->keys[i];
                const struct reference_key *known = &reference->keys[reference->order[i]];
                model_check(model, key->serial == reference->order[i] && key->kept == known->kept,
                            "known: the keys are not what the files hold, or held");
                model_check(model, key->known.standing == known->known.standing,
                            "known: a key is said to be what it is not");
                model_check(model,
                            key->known.cause == known->known.cause &&
                                    key->known.seen_usec == known->known.seen_usec,
                            "known: a wrong cause or time is told");
        }
}

static void trace_keys(struct model *model)
{
        const struct reference *reference = &model->reference;
        uint64_t from, by;

        reference_need_due(reference, &from, &by);
        model_trace(model,
                    "    must %" PRId64 ", need from %" PRId64 " to %" PRId64
                    ", round %d (%d, %d) of %s (%s), "
                    "in trouble %u (%d), wish %" PRId64 " (%d)",
                    (int64_t)reference_must(reference, model->now_usec), (int64_t)from, (int64_t)by,
                    model->machine.round, reference->round, reference->round_sure,
                    refresh_share_name(model->machine.round_share),
                    refresh_share_name(reference->round_share), model->machine.n_failures,
                    reference_in_trouble(reference), (int64_t)model->machine.wish_usec, reference->wish);
        for (size_t i = 0; i < model->machine.keyring.n; i++) {
                const struct key_state *key = &model->machine.keyring.keys[i];
                const struct reference_key *known = &model->reference.keys[key->serial];
                model_trace(model,
                            "    key %" PRIu64 "%s: %s (%s), around %d (%d), seen %" PRIu64 " (%" PRIu64
                            "), heard %d (%d), "
                            "trial %" PRId64 " (%" PRId64 " to %" PRId64 "), held %" PRIu64 " (%" PRIu64 ")",
                            key->serial, key->kept ? " kept" : "", key_standing_name(key->known.standing),
                            key_standing_name(known->known.standing), key->asked_around, known->asked_around,
                            key->known.seen_usec, known->known.seen_usec, key->heard, known->heard,
                            (int64_t)key->trial_usec, (int64_t)known->trial_from_usec,
                            (int64_t)known->trial_by_usec, key->held_usec, known->held_usec);
        }
}

void model_settle(struct model *model, struct refresh_step step)
{
        uint64_t now = model->now_usec;

        model->step = step;
        model->wake_usec = step.wake_usec;
        model_trace(model, "    ->%s%s%s%s%s%s reason %s limit %s wake %" PRId64 " key %" PRIu64,
                    step.cancel ? " CANCEL" : "", step.exchange ? " EXCHANGE" : "",
                    step.claim ? " CLAIM" : "", step.adopted ? " ADOPTED" : "",
                    step.expired ? " EXPIRED" : "", step.off ? " OFF" : "", refresh_reason_name(step.reason),
                    refresh_limit_name(step.limit),
                    step.wake_usec == USEC_NEVER ? -1 : (int64_t)(step.wake_usec - now), step.key_serial);
        if (step.cancel && model->in_flight) {
                model_check(model,
                            reference_latest(&model->reference)->share == REFRESH_SHARE_TRIAL &&
                                    model->sent_usec + 25 * USEC_PER_SEC <= now,
                            "one: an exchange is given up that is no trial, or did not hang");
                reference_given_up(&model->reference, now);
                model->in_flight = false;
        }
        if (step.cancel && model->claiming) {
                end_claim(model);
        }
        judge_token(model, &step);
        reference_settle(&model->reference, now);
        if (step.exchange) {
                begin_exchange(model);
        }
        model_check(model, model->machine.in_flight == model->in_flight,
                    "one: the machine and its steps disagree about what is in flight");
        if (step.claim) {
                begin_claim(model);
        }
        model_check(model, model->machine.claiming == model->claiming,
                    "one: the machine and its steps disagree about what is claimed");
        model_check(model, !model->claiming || step.wake_usec <= model->claimed_usec + REFRESH_CLAIM_USEC,
                    "claim: no call is asked for at the end of its time");
        model_check(model, step.wake_usec > now, "attempt: a call is asked for at once, for ever");
        if (model->n_files > 0 && !model->in_flight && !model->claiming && !model->broken) {
                uint64_t must = reference_must(&model->reference, now);
                model_check(model, step.wake_usec != USEC_NEVER, "attempt: no other one is set");
                model_check(model, must > now, "attempt: one should be under way");
                model_check(model, step.wake_usec <= must, "attempt: the next one is set too late");
        }
        judge_keys(model);
        if (model->broken) {
                trace_keys(model);
        }
}
