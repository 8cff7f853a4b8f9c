/* A refresh machine under observation. Only this file calls refresh_on_*() for scenarios and histories;
 * settle() ends every event: it carries the step out and judges it. */
#include "tests/scenario/model.h"

#include "lib/refresh_words.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdarg.h>

static void check(struct model *model, bool kept, const char *promise)
{
        if (!kept && !model->broken) {
                model->broken = promise;
                if (model->trace) {
                        fprintf(model->trace, "    BROKEN: %s\n", promise);
                }
        }
}

_printf_(2, 3) static void trace(struct model *model, const char *format, ...)
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
}

bool model_token_lives(const struct model *model)
{
        return model->has_token && model->now_usec < model->expires_usec;
}

/* ---- what was sent ---- */

static unsigned sent_last_hour(const struct model *model)
{
        unsigned n = 0;
        for (size_t i = 0; i < MIN_OF(model->n_sent, (uint64_t)REFRESH_HOURLY_BUDGET); i++) {
                n += model->sent_ring[i] + USEC_PER_HOUR > model->now_usec;
        }
        return n;
}

static bool for_caller(enum refresh_reason reason)
{
        return reason == REFRESH_DEMANDED || reason == REFRESH_REPORTED;
}

static unsigned caused_last_hour(const struct model *model)
{
        unsigned n = 0;

        for (size_t i = 0; i < MIN_OF(model->n_caused, (uint64_t)REFRESH_HOURLY_BUDGET); i++) {
                n += model->caused_ring[i] + USEC_PER_HOUR > model->now_usec;
        }
        return n;
}

static bool key_is_there(const struct model *model, uint64_t serial)
{
        for (size_t i = 0; i < model->n_files; i++) {
                if (model->files[i].serial == serial || model->kept[i] == serial) {
                        return serial != 0;
                }
        }
        return false;
}

static void begin_exchange(struct model *model)
{
        uint64_t now = model->now_usec, key = model->step.key_serial;

        check(model, !model->in_flight, "one: an exchange was started while another was in flight");
        check(model, model->n_sent == 0 || now >= model->sent_usec + REFRESH_FLOOR_USEC,
              "floor: within a second of the last exchange");
        check(model, sent_last_hour(model) < REFRESH_HOURLY_BUDGET, "budget: the 61st exchange of an hour");
        check(model, now >= model->patience_until_usec, "patience: earlier than the upstream's Retry-After");
        check(model, key_is_there(model, key), "rest: a key was used that is not there");
        check(model, key >= MODEL_KEYS_MAX || model->keys[key].rest_until_usec <= now,
              "rest: a key was used while it rests");
        check(model,
              !for_caller(model->step.reason) || model->refused_for_caller ||
                      caused_last_hour(model) < REFRESH_CALLER_BUDGET,
              "share: callers caused more than their share of the budget");
        model->in_flight = true;
        model->in_flight_key = key;
        model->in_flight_reason = model->step.reason;
        model->sent_usec = now;
        model->sent_ring[model->n_sent++ % REFRESH_HOURLY_BUDGET] = now;
        if (for_caller(model->step.reason)) {
                model->caused_ring[model->n_caused++ % REFRESH_HOURLY_BUDGET] = now;
        }
}

/* ---- the judge ---- */

static void settle(struct model *model, struct refresh_step step)
{
        uint64_t now = model->now_usec;

        model->step = step;
        model->wake_usec = step.wake_usec;
        if (step.expired) {
                check(model, model->has_token && model->expires_usec <= now,
                      "living: let go before its expiry");
                model->has_token = false;
        }
        check(model, !model->has_token || model->expires_usec > now, "expired: an expired token is in hand");
        check(model, !model->has_token || step.wake_usec <= model->expires_usec,
              "expired: no call is asked for by the token's expiry");
        check(model, model->machine.has_token == model->has_token,
              "living: the machine and its steps disagree about the token");
        if (step.exchange) {
                begin_exchange(model);
        }
        check(model, model->machine.in_flight == model->in_flight,
              "one: the machine and its steps disagree about what is in flight");
        if (model->n_files > 0) {
                check(model, model->in_flight || step.wake_usec != USEC_NEVER,
                      "attempt: no other one is set");
        }
        check(model, step.wake_usec > now, "attempt: a call is asked for at once, for ever");
        for (size_t i = 0; i < model->n_files; i++) {
                check(model,
                      model->kept[i] == 0 || model->keys[model->kept[i]].refused ||
                              keyring_find(&model->machine.keyring, model->kept[i]) != NULL,
                      "trial: the old key was let go before the new one was proven");
        }
        trace(model, "    ->%s%s%s reason %s limit %s wake %" PRId64 " key %" PRIu64,
              step.exchange ? " EXCHANGE" : "", step.adopted ? " ADOPTED" : "",
              step.expired ? " EXPIRED" : "", refresh_reason_name(step.reason),
              refresh_limit_name(step.limit),
              step.wake_usec == USEC_NEVER ? -1 : (int64_t)(step.wake_usec - now), step.key_serial);
}

/* ---- keys ---- */

/* The key that a new file content of this label must not push out. */
static uint64_t to_keep(const struct model *model, const struct key_name *name)
{
        for (size_t i = 0; i < model->n_files; i++) {
                if (streq(model->files[i].label, name->label)) {
                        const struct model_key *old = &model->keys[model->files[i].serial];
                        uint64_t serial =
                                old->proven && !old->refused ? model->files[i].serial : model->kept[i];
                        const struct model_key *key = &model->keys[serial];
                        return serial != name->serial && key->proven && !key->refused ? serial : 0;
                }
        }
        return 0;
}

void model_keys(struct model *model, const struct key_name *names, size_t n)
{
        uint64_t kept[KEYS_PER_ENVIRONMENT_MAX] = { 0 };
        bool there[MODEL_KEYS_MAX] = { false };

        trace(model, "keys (%zu)", n);
        for (size_t i = 0; i < n; i++) {
                struct model_key *key = &model->keys[names[i].serial];
                kept[i] = key->proven ? 0 : to_keep(model, &names[i]);
                trace(model, "    %s = %" PRIu64 "%s, kept %" PRIu64, names[i].label, names[i].serial,
                      names[i].rewritten ? " rewritten" : "", kept[i]);
                if (names[i].rewritten && key_is_there(model, names[i].serial)) {
                        key->rest_until_usec = 0;
                }
                there[names[i].serial] = true;
        }
        for (size_t i = 0; i < n; i++) {
                kept[i] = there[kept[i]] ? 0 : kept[i];
                there[kept[i]] = true;
        }
        for (size_t i = 0; i < MODEL_KEYS_MAX; i++) {
                if (!there[i]) {
                        model->keys[i] = (struct model_key){ 0 };
                }
        }
        memcpy(model->kept, kept, sizeof(kept));
        if (n > 0) {
                memcpy(model->files, names, n * sizeof(names[0]));
        }
        model->n_files = n;
        settle(model, refresh_on_keys(&model->machine, names, n, model->now_usec));
}

static void key_granted(struct model *model, uint64_t serial)
{
        if (!key_is_there(model, serial)) {
                return;
        }
        model->keys[serial] = (struct model_key){ .proven = true };
        for (size_t i = 0; i < model->n_files; i++) {
                if (model->files[i].serial == serial && model->kept[i] != 0) {
                        model->keys[model->kept[i]] = (struct model_key){ 0 };
                        model->kept[i] = 0;
                }
        }
}

static void key_refused(struct model *model, uint64_t serial)
{
        if (key_is_there(model, serial)) {
                struct model_key *key = &model->keys[serial];
                uint64_t rest = 15 * USEC_PER_MIN << MIN_OF(key->n_refusals, 8u);
                key->refused = true;
                key->n_refusals++;
                key->rest_until_usec = model->now_usec + MIN_OF(rest, 6 * USEC_PER_HOUR);
        }
}

/* ---- events ---- */

void model_timer(struct model *model)
{
        trace(model, "timer");
        settle(model, refresh_on_timer(&model->machine, model->now_usec));
}

static void note_failure(struct model *model, const struct refresh_outcome *outcome)
{
        bool slow = outcome->outcome == EXCHANGE_MALFORMED || outcome->outcome == EXCHANGE_REQUEST_REFUSED;
        model->failed_usec = model->now_usec;
        model->n_slow = slow ? model->n_slow + 1 : 0;
        if (outcome->outcome == EXCHANGE_THROTTLED && outcome->retry_after_sec != RETRY_AFTER_NONE) {
                uint64_t wait = MIN_OF(outcome->retry_after_sec * USEC_PER_SEC, USEC_PER_HOUR);
                model->patience_until_usec = model->now_usec + wait;
                model->patience_spread_usec = MIN_OF(wait / 4, 100 * USEC_PER_SEC);
        }
}

void model_outcome(struct model *model, const struct refresh_outcome *outcome, uint32_t random)
{
        struct refresh_outcome told = *outcome;
        uint64_t life = outcome->lifetime_sec * USEC_PER_SEC, expires = model->sent_usec + life;
        bool fresh = false;

        told.token_serial = model->token_serial + 1;
        trace(model, "%s, lifetime %" PRIu32 ", retry after %" PRIu32, exchange_outcome_name(told.outcome),
              told.lifetime_sec, told.retry_after_sec);
        model->in_flight = false;
        model->refused_for_caller =
                told.outcome == EXCHANGE_KEY_REFUSED && for_caller(model->in_flight_reason);
        if (told.outcome == EXCHANGE_GRANTED) {
                key_granted(model, model->in_flight_key);
                fresh = expires > model->now_usec;
        } else if (told.outcome == EXCHANGE_KEY_REFUSED) {
                key_refused(model, model->in_flight_key);
        } else {
                note_failure(model, outcome);
        }
        if (fresh) {
                model->has_token = true;
                model->token_serial = told.token_serial;
                model->token_key = model->in_flight_key;
                model->expires_usec = expires;
                model->token_sent_usec = model->sent_usec;
                model->patience_until_usec = 0;
                model->n_slow = 0;
        }
        uint64_t sent = model->sent_usec; /* the step may start the next exchange */
        struct refresh_step step = refresh_on_outcome(&model->machine, &told, model->now_usec, random);
        check(model, step.adopted == fresh, "living: a good grant is adopted, and nothing else");
        if (fresh) {
                uint64_t point = model->machine.refresh_point_usec;
                check(model,
                      point >= sent + life / 10 * 6 && point <= sent + life / 10 * 7 && point < expires,
                      "inside: the refresh point is not where it belongs");
        }
        settle(model, step);
}

static bool exchange_is_set(const struct model *model)
{
        return model->in_flight || model->wake_usec != USEC_NEVER || model->n_files == 0;
}

enum refresh_verdict model_demand(struct model *model, uint32_t min_ttl_sec)
{
        struct refresh_step step;
        bool enough = model_token_lives(model) &&
                      model->expires_usec - model->now_usec >= min_ttl_sec * USEC_PER_SEC;

        trace(model, "demand %" PRIu32, min_ttl_sec);
        enum refresh_verdict verdict =
                refresh_on_demand(&model->machine, min_ttl_sec, model->now_usec, &step);
        trace(model, "    %s", verdict_name(verdict));
        settle(model, step);
        check(model, (verdict == REFRESH_SATISFIED) == enough,
              "verdict: satisfied if, and only if, it is so");
        check(model, verdict != REFRESH_UNDER_WAY || exchange_is_set(model),
              "verdict: nothing is under way");
        check(model, verdict != REFRESH_NO_KEY || model->n_files == 0, "verdict: there is a key");
        return verdict;
}

enum refresh_verdict model_report(struct model *model, uint64_t token_serial)
{
        struct refresh_step step;
        bool current = model_token_lives(model) && token_serial == model->token_serial;

        trace(model, "report %" PRIu64, token_serial);
        enum refresh_verdict verdict =
                refresh_on_report(&model->machine, token_serial, model->now_usec, &step);
        trace(model, "    %s", verdict_name(verdict));
        settle(model, step);
        check(model, (verdict == REFRESH_NOT_CURRENT) != current,
              "verdict: not current if, and only if, it is so");
        check(model, verdict != REFRESH_UNDER_WAY || exchange_is_set(model),
              "verdict: nothing is under way");
        return verdict;
}

enum refresh_verdict model_operator(struct model *model)
{
        struct refresh_step step;
        bool was_in_flight = model->in_flight;

        trace(model, "operator");
        enum refresh_verdict verdict = refresh_on_operator(&model->machine, model->now_usec, &step);
        trace(model, "    %s", verdict_name(verdict));
        for (size_t i = 0; i < MODEL_KEYS_MAX && verdict == REFRESH_UNDER_WAY && !was_in_flight; i++) {
                model->keys[i].rest_until_usec = 0;
        }
        settle(model, step);
        check(model, verdict != REFRESH_UNDER_WAY || exchange_is_set(model),
              "verdict: nothing is under way");
        return verdict;
}

void model_begin_anew(struct model *model, const struct refresh *machine, bool token_survives)
{
        trace(model, "another machine, %s token", token_survives ? "with the" : "without a");
        model->machine = *machine;
        model->in_flight = false;
        model->has_token = token_survives;
        model->n_slow = 0;
        model->refused_for_caller = false;
        memset(model->keys, 0, sizeof(model->keys));
        memset(model->kept, 0, sizeof(model->kept));
        model->keys[model->token_key].proven = token_survives;
}

/* ---- recovery ---- */

static uint64_t earliest_rest_end(const struct model *model)
{
        uint64_t earliest = USEC_NEVER;
        for (size_t i = 0; i < model->n_files; i++) {
                earliest = MIN_OF(earliest, model->keys[model->files[i].serial].rest_until_usec);
                if (model->kept[i] != 0) {
                        earliest = MIN_OF(earliest, model->keys[model->kept[i]].rest_until_usec);
                }
        }
        return earliest;
}

uint64_t model_recovered_by(const struct model *model)
{
        uint64_t by = model->now_usec + 120 * USEC_PER_SEC;

        by = MAX_OF(by, model->patience_until_usec + model->patience_spread_usec);
        by = MAX_OF(by, earliest_rest_end(model));
        by = MAX_OF(by, model->sent_usec + REFRESH_FLOOR_USEC);
        if (model->n_slow > 0) {
                uint64_t wait = 400 * USEC_PER_SEC << MIN_OF(model->n_slow - 1, 8u);
                by = MAX_OF(by, model->failed_usec + MIN_OF(wait, USEC_PER_HOUR));
        }
        if (model->n_sent >= REFRESH_HOURLY_BUDGET) {
                by = MAX_OF(by, model->sent_ring[model->n_sent % REFRESH_HOURLY_BUDGET] + USEC_PER_HOUR);
        }
        return by;
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
