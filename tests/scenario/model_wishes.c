/* The answers of a machine under observation to callers and operators, and whether it is true. */
#include "lib/refresh_words.h"
#include "tests/scenario/model.h"

#include <inttypes.h>

struct wish {
        enum refresh_reason reason;
        uint32_t min_ttl_sec;
        uint64_t token_serial;
        bool new_account;
};

static enum refresh_verdict ask(struct refresh *machine, const struct wish *wish, uint64_t now_usec,
                                struct refresh_step *ret_step, struct refresh_obstacle *ret_obstacle)
{
        switch (wish->reason) {
        case REFRESH_DEMANDED:
                return refresh_on_demand(machine, wish->min_ttl_sec, now_usec, ret_step, ret_obstacle);
        case REFRESH_REPORTED:
                return refresh_on_report(machine, wish->token_serial, now_usec, ret_step, ret_obstacle);
        default:
                return refresh_on_operator(machine, wish->new_account, now_usec, ret_step, ret_obstacle);
        }
}

/* A copy of the machine, as it is at that time if no exchange is answered. */
static struct refresh later(const struct model *model, uint64_t wake_usec, uint64_t usec)
{
        struct refresh copy = model->machine;

        while (wake_usec < usec) {
                wake_usec = refresh_on_timer(&copy, wake_usec).wake_usec;
        }
        return copy;
}

/* The time told is true: a moment before it the same wish is refused for the same reason, unless an exchange
 * has begun by then; and from then on it is not refused for it any more. */
static void judge_obstacle(struct model *model, const struct wish *wish, const struct refresh_obstacle *told,
                           uint64_t wake_usec)
{
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t until = told->until_usec;

        model_check(model, until > model->now_usec && until != USEC_NEVER,
                    "obstacle: its time has passed, or never comes");
        model_check(model, told->limit != REFRESH_UNLIMITED, "obstacle: none is named");
        if (model->broken) {
                return;
        }
        struct refresh copy = later(model, wake_usec, until - 1), early = copy;
        enum refresh_verdict verdict = ask(&early, wish, until - 1, &step, &obstacle);
        model_check(model,
                    verdict == REFRESH_TOO_SOON || copy.in_flight || copy.claiming || !copy.has_token ||
                            told->limit == REFRESH_LIMIT_RETRY,
                    "obstacle: it is over sooner than was told");
        bool begun = !model->in_flight && copy.in_flight && copy.in_flight_share != REFRESH_SHARE_TRIAL;
        /* The wait for others ends when their store is silent, as it may be at the claim of a trial. */
        bool for_others = model->machine.store.wait_usec >= until;
        model_check(model, told->limit != REFRESH_LIMIT_RETRY || !begun || for_others,
                    "obstacle: the attempt begins sooner than was told");
        copy = later(model, wake_usec, until);
        bool put_off =
                copy.in_flight && told->limit == REFRESH_LIMIT_RETRY; /* by a trial that came before */
        verdict = ask(&copy, wish, until, &step, &obstacle);
        model_check(model, verdict != REFRESH_TOO_SOON || obstacle.limit != told->limit || put_off,
                    "obstacle: it is still there at the time told");
}

static bool exchange_is_set(const struct model *model)
{
        return model->in_flight || model->claiming || model->wake_usec != USEC_NEVER;
}

static enum refresh_verdict carry_out(struct model *model, const struct wish *wish,
                                      struct refresh_step *ret_step)
{
        enum refresh_verdict verdict =
                ask(&model->machine, wish, model->now_usec, ret_step, &model->obstacle);

        model_trace(model, "    %s, limit %s for %" PRId64, verdict_name(verdict),
                    refresh_limit_name(model->obstacle.limit),
                    model->obstacle.until_usec ? (int64_t)(model->obstacle.until_usec - model->now_usec)
                                               : 0);
        model_check(model, verdict != REFRESH_NO_KEY || model->n_files == 0, "verdict: there is a key");
        return verdict;
}

static void end(struct model *model, const struct wish *wish, enum refresh_verdict verdict,
                struct refresh_step step)
{
        model_settle(model, step);
        model_check(model, verdict != REFRESH_UNDER_WAY || exchange_is_set(model),
                    "verdict: nothing is under way");
        if (verdict == REFRESH_TOO_SOON) {
                judge_obstacle(model, wish, &model->obstacle, step.wake_usec);
        }
}

/* A trial's outcome says nothing to those who wish something. */
static bool is_under_way(const struct model *model)
{
        return (model->claiming && model->claimed_share != REFRESH_SHARE_TRIAL) ||
               (model->in_flight && reference_latest(&model->reference)->share != REFRESH_SHARE_TRIAL);
}

enum refresh_verdict model_demand(struct model *model, uint32_t min_ttl_sec)
{
        const struct wish wish = { .reason = REFRESH_DEMANDED, .min_ttl_sec = min_ttl_sec };
        bool lives = model_token_lives(model);
        bool enough = lives && model->expires_usec - model->now_usec >= min_ttl_sec * USEC_PER_SEC;
        bool too_much = model->attainable_sec > 0 && min_ttl_sec > model->attainable_sec;
        struct refresh_step step;

        model_trace(model, "demand %" PRIu32, min_ttl_sec);
        enum refresh_verdict verdict = carry_out(model, &wish, &step);
        model_check(model, (verdict == REFRESH_SATISFIED) == enough,
                    "verdict: satisfied if, and only if, it is so");
        model_check(model, (verdict == REFRESH_UNATTAINABLE) == (too_much && !enough),
                    "verdict: unattainable if, and only if, the latest token had less");
        if (verdict == REFRESH_UNDER_WAY && lives && !is_under_way(model) &&
            !reference_in_trouble(&model->reference)) {
                reference_store_wished(&model->reference, REFRESH_DEMANDED, min_ttl_sec, model->now_usec);
                reference_wished(&model->reference, REFRESH_DEMANDED, model->now_usec);
        }
        end(model, &wish, verdict, step);
        return verdict;
}

enum refresh_verdict model_report(struct model *model, uint64_t token_serial)
{
        const struct wish wish = { .reason = REFRESH_REPORTED, .token_serial = token_serial };
        const struct reference *reference = &model->reference;
        bool current = model_token_lives(model) && token_serial == model->token_serial;
        bool trouble = reference_in_trouble(reference), known = reference->reported;
        bool answered = model->in_flight && is_under_way(model);
        struct refresh_step step;

        model_trace(model, "report %" PRIu64, token_serial);
        enum refresh_verdict verdict = carry_out(model, &wish, &step);
        model_check(model, (verdict == REFRESH_NOT_CURRENT) != current,
                    "verdict: not current if, and only if, it is so");
        uint64_t from, by;
        reference_need_due(reference, &from, &by);
        model_check(model,
                    verdict != REFRESH_ALREADY ||
                            (known && !trouble && !reference->wish && by > model->now_usec),
                    "verdict: it was not reported, or it is to be tried again");
        model_check(model, verdict != REFRESH_TOO_SOON || trouble || !answered,
                    "verdict: a report is refused though an exchange is under way");
        bool accepted = verdict == REFRESH_UNDER_WAY && !trouble && !known;
        if (accepted && answered) {
                model->reported_usec = model->now_usec;
                reference_store_wished(&model->reference, REFRESH_REPORTED, 0, model->now_usec);
                reference_reported(&model->reference);
        } else if (accepted) {
                model_check(model,
                            model->reported_usec == 0 ||
                                    model->now_usec >= model->reported_usec + REFRESH_REPORT_GAP_USEC,
                            "verdict: two reports within ten seconds");
                model->reported_usec = model->now_usec;
                reference_store_wished(&model->reference, REFRESH_REPORTED, 0, model->now_usec);
                reference_wished(&model->reference, REFRESH_REPORTED, model->now_usec);
        }
        end(model, &wish, verdict, step);
        uint64_t must = reference_must(reference, model->now_usec);
        model_check(model,
                    verdict != REFRESH_UNDER_WAY || model->in_flight || model->claiming || reference->wish ||
                            (known && reference->store && by <= model->now_usec) ||
                            model->wake_usec <= model->now_usec + REFRESH_FLOOR_USEC,
                    "verdict: no exchange is near");
        model_check(model, verdict != REFRESH_ALREADY || must != USEC_NEVER,
                    "verdict: a report leads to nothing");
        return verdict;
}

/* An operator's wish is put off by what holds it back for more than a moment; but while an exchange is under
 * way, that is told. */
static bool operator_accepted(const struct model *model, bool new_account, enum refresh_verdict verdict)
{
        uint64_t free = reference_free_usec(&model->reference, REFRESH_SHARE_OPERATOR);
        const struct reference_exchange *latest = reference_latest(&model->reference);

        return verdict == REFRESH_UNDER_WAY &&
               !(is_under_way(model) && !new_account && free > model->now_usec &&
                 free > (latest ? latest->sent_usec : 0) + REFRESH_FLOOR_USEC);
}

enum refresh_verdict model_operator(struct model *model, bool new_account)
{
        const struct wish wish = { .reason = REFRESH_OPERATOR, .new_account = new_account };
        struct refresh_step step;

        model_trace(model, "operator%s", new_account ? ", another account" : "");
        enum refresh_verdict verdict = carry_out(model, &wish, &step);
        if (operator_accepted(model, new_account, verdict)) {
                reference_operator(&model->reference, new_account, model->now_usec);
        }
        end(model, &wish, verdict, step);
        return verdict;
}

const char *verdict_name(enum refresh_verdict verdict)
{
        static const char *const names[] = {
                [REFRESH_SATISFIED] = "satisfied",
                [REFRESH_UNDER_WAY] = "under-way",
                [REFRESH_UNATTAINABLE] = "unattainable",
                [REFRESH_NOT_CURRENT] = "not-current",
                [REFRESH_ALREADY] = "already",
                [REFRESH_TOO_SOON] = "too-soon",
                [REFRESH_NO_KEY] = "no-key",
        };
        return names[verdict];
}
