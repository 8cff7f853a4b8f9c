/* A refresh machine under observation: its events. model_settle() in model_judge.c ends each of them.
 * Answers to callers are judged in model_wishes.c. */
#include "tests/scenario/model.h"

#include "lib/refresh_words.h"

#include <inttypes.h>
#include <stdarg.h>

void model_check(struct model *model, bool kept, const char *promise)
{
        if (!kept && !model->broken) {
                model->broken = promise;
                if (model->trace) {
                        fprintf(model->trace, "    BROKEN: %s\n", promise);
                }
        }
}

void model_trace(struct model *model, const char *format, ...)
{
        if (model->trace) {
                va_list arguments;
                va_start(arguments, format);
                fprintf(model->trace, "%" PRIu64 ".%06" PRIu64 " ", model->now_usec / USEC_PER_SEC,
                        model->now_usec % USEC_PER_SEC);
                vfprintf(model->trace, format, arguments);
                fputc('\n', model->trace);
                va_end(arguments);
        }
}

void model_init(struct model *model, FILE *trace_to)
{
        *model = (struct model){ .now_usec = USEC_PER_SEC, .trace = trace_to, .wake_usec = USEC_NEVER };
        refresh_init(&model->machine);
        reference_init(&model->reference);
}

void model_clear(struct model *model)
{
        reference_clear(&model->reference);
}

bool model_token_lives(const struct model *model)
{
        return model->has_token && model->now_usec < model->expires_usec;
}

void model_keys(struct model *model, const struct key_name *names, size_t n)
{
        model_trace(model, "keys (%zu)", n);
        for (size_t i = 0; i < n; i++) {
                model_trace(model, "    %s = %" PRIu64 "%s, %s", names[i].label, names[i].serial,
                            names[i].rewritten ? " rewritten" : "",
                            key_standing_name(names[i].known.standing));
        }
        if (n > 0) {
                memcpy(model->files, names, n * sizeof(names[0]));
        } else if (model->n_files > 0 || model->keyless_usec == 0) {
                model->keyless_usec = model->now_usec;
        }
        model->n_files = n;
        model->had_files = model->had_files || n > 0;
        bool cancel = reference_keys(&model->reference, names, n, model->now_usec);
        model->in_flight = model->in_flight && !cancel;
        if (model->claiming && !model->reference.keys[model->in_flight_key].there) {
                model->claiming = false;
                cancel = true;
        }
        struct refresh_step step = refresh_on_keys(&model->machine, names, n, model->now_usec);
        model_check(model, step.cancel || !cancel, "one: an exchange is not void though its key is gone");
        model_settle(model, step);
}

void model_timer(struct model *model)
{
        model_trace(model, "timer");
        model_settle(model, refresh_on_timer(&model->machine, model->now_usec));
}

static void note_token(struct model *model, uint64_t serial, uint64_t expires_usec)
{
        model->has_token = true;
        model->token_serial = serial;
        model->token_key = model->in_flight_key;
        model->expires_usec = expires_usec;
        model->token_sent_usec = model->sent_usec;
        model->attainable_sec = (uint32_t)((expires_usec - model->now_usec) / USEC_PER_SEC);
}

void model_outcome(struct model *model, const struct refresh_outcome *outcome, uint32_t random)
{
        struct refresh_outcome told = *outcome;
        uint64_t life = outcome->lifetime_sec * USEC_PER_SEC, sent = model->sent_usec;
        bool good = outcome->outcome == EXCHANGE_GRANTED && sent + life > model->now_usec;

        told.token_serial = model->token_serial + 1;
        model_trace(model, "%s%s, lifetime %" PRIu32 ", retry after %" PRIu32 "%s",
                    exchange_outcome_name(told.outcome), told.unsent ? " (unsent)" : "", told.lifetime_sec,
                    told.retry_after_sec, told.retry_after_for_key ? " for the key" : "");
        model->in_flight = false;
        reference_answered(&model->reference, &told, model->now_usec);
        bool fresh = reference_latest(&model->reference)->fresh;
        if (fresh) {
                note_token(model, told.token_serial, sent + life);
        }
        struct refresh_step step = refresh_on_outcome(&model->machine, &told, model->now_usec, random);
        model_check(model, step.adopted == fresh, "living: a good grant is adopted, and nothing else");
        model_check(model, step.spared == (good && !fresh), "living: a token that lives longer is kept");
        if (fresh) {
                uint64_t point = model->machine.refresh_point_usec, low = model->reference.early ? 3 : 6;
                model_check(model,
                            point >= sent + life / 10 * low && point <= sent + life / 10 * (low + 1) &&
                                    point < sent + life,
                            "inside: the refresh point is not where it belongs");
        }
        model_settle(model, step);
}

void model_held(struct model *model, bool key, uint64_t until_usec)
{
        model_trace(model, "held%s, for %" PRIu64 " ms", key ? " (key)" : "",
                    (until_usec - model->now_usec) / USEC_PER_MSEC);
        model->in_flight = false;
        reference_held(&model->reference, key, until_usec, model->now_usec);
        model_settle(model, refresh_on_held(&model->machine, key, until_usec, model->now_usec));
}

void model_begin_anew(struct model *model, const struct refresh *machine, bool token_survives,
                      bool same_upstream)
{
        model_trace(model, "another machine, %s token", token_survives ? "with the" : "without a");
        model->machine = *machine;
        model->in_flight = model->claiming = model->had_files = false;
        model->has_token = token_survives;
        model->attainable_sec = token_survives ? model->attainable_sec : 0;
        model->keyless_usec = 0;
        reference_anew(&model->reference, token_survives, same_upstream, model->now_usec);
}

void model_use_store(struct model *model, bool use)
{
        model->reference.store = use;
        refresh_use_store(&model->machine, use);
        model_trace(model, use ? "a store" : "no store");
        if (!use) {
                model->reference.put_off = model->reference.failed = false;
                model->reference.told_usec = model->reference.pause_usec = 0;
                model->reference.distrust_usec = 0;
                model->reference.n_rejected = 0;
                model->reference.unanswered = false;
        }
}

static void find_token(struct model *model, const struct refresh_claim *claim)
{
        const struct reference *reference = &model->reference;
        uint64_t left = 0;

        reference_found(&model->reference, model->in_flight_key, claim, model->now_usec);
        model->has_token = true;
        model->token_serial = claim->token_serial;
        model->token_key = model->in_flight_key;
        model->token_sent_usec = reference->sent_usec;
        model->expires_usec = reference->sent_usec + reference->life_usec;
        left = (model->expires_usec - model->now_usec) / USEC_PER_SEC;
        if (model->attainable_sec > 0) {
                model->attainable_sec = MAX_OF(model->attainable_sec, (uint32_t)left);
        }
}

/* The answer if the token of it is of no use, or not enough. */
static enum refresh_claim_kind without_token(const struct refresh_claim *claim)
{
        bool none = claim->otherwise == REFRESH_CLAIM_FOUND;

        return claim->kind != REFRESH_CLAIM_FOUND ? claim->kind
               : none                             ? REFRESH_CLAIM_HELD
                                                  : claim->otherwise;
}

void model_claim(struct model *model, const struct refresh_claim *claim, uint32_t random)
{
        struct refresh_claim told = *claim;
        bool late = !model->claiming || !model->reference.store, found = false, proven = false;
        bool trial = model->claimed_share == REFRESH_SHARE_TRIAL;
        uint64_t key = model->in_flight_key, now = model->now_usec;

        told.token_serial = model->token_serial + 1;
        model_trace(model, "claim%s: kind %d (%d), left %" PRIu64 " ms", late ? " (too late)" : "",
                    told.kind, told.otherwise, told.left_usec / USEC_PER_MSEC);
        model->claiming = model->claiming && late;
        if (!late && told.kind == REFRESH_CLAIM_FOUND) {
                bool alone = trial && !model->machine.round;
                bool proves = !alone || reference_proves(&model->reference, key, &told, now);
                found = proves && reference_is_of_use(&model->reference, &told, now);
                proven = proves && alone && !found;
        }
        if (found) {
                find_token(model, &told);
        }
        if (proven) {
                reference_proven(&model->reference, key, &told, now);
        }

        bool enough =
                proven || (found && !model->reference.wish && !reference_found_late(&model->reference));
        if (!late && trial && !enough) {
                reference_trial_told(&model->reference, model->in_flight_key, without_token(&told));
        } else if (!late && !enough) {
                reference_told(&model->reference, without_token(&told), model->now_usec);
        }
        struct refresh_step step = refresh_on_claim(&model->machine, &told, model->now_usec, random);
        model_check(model, step.adopted == found, "store: a token of use is adopted, and nothing else");
        model_settle(model, step);
}
