/* The promises of a history beyond the model: no gap that could have been avoided, the good key found, a
 * token back soon. */
#include "lib/util.h"
#include "tests/scenario/history.h"

static void broken(struct model *model, const char *promise)
{
        model_check(model, false, promise);
}

/* Was there an exchange for a wish since the begin of the token's refresh window? */
static bool was_wished(const struct reference *reference)
{
        uint64_t since = reference->sent_usec + reference->life_usec / 10 * 6;

        for (size_t i = 0; i < reference->n; i++) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (exchange->share >= REFRESH_SHARE_REPORT && exchange->sent_usec >= since) {
                        return true;
                }
        }
        return false;
}

/* Was an answer since then, or is the one that is awaited, as slow as in a mood that may be over by now? */
static bool was_slow(const struct history *history, uint64_t since_usec)
{
        const struct model *model = &history->world.model;

        for (size_t i = 0; i < model->reference.n; i++) {
                const struct reference_exchange *exchange = &model->reference.exchanges[i];
                uint64_t ended = MIN_OF(exchange->ended_usec, model->now_usec);
                if (ended >= since_usec && ended > exchange->sent_usec + 3 * USEC_PER_SEC) {
                        return true;
                }
        }
        return false;
}

/* How long the answers of one round can take, with an exchange before it and a retry after it. */
static uint64_t round_usec(const struct history *history)
{
        const struct reference *reference = &history->world.model.reference;
        bool hanging = history->mood == MOOD_SLUGGISH ||
                       was_slow(history, reference->sent_usec + reference->life_usec / 10 * 6);
        bool throttling = false;

        for (size_t i = 0; i < reference->n_order; i++) {
                enum key_mood mood = history->key_moods[reference->order[i]];
                hanging = hanging || mood == KEY_HANGING;
                throttling = throttling || mood == KEY_429 || mood == KEY_MIXED;
        }
        uint64_t waits = ((throttling ? 16 : 1) * USEC_PER_SEC) << reference->n_order; /* each doubles */
        if (was_wished(reference)) { /* in vain, after which need waits longer */
                waits = (reference->n_order + 1) * 115 * USEC_PER_SEC;
        }
        uint64_t each = (hanging ? history->limit_sec + 1 : 3) + (reference->store ? 5 : 0);
        return (reference->n_order + 2) * each * USEC_PER_SEC + waits;
}

/* Would this key have been granted ever since, and did nothing keep the machine from asking? */
static bool would_have_worked(const struct history *history, uint64_t serial, uint64_t since_usec)
{
        const struct reference *reference = &history->world.model.reference;
        const struct reference_key *key = &reference->keys[serial];

        return history->good_since_usec[serial] <= since_usec &&
               history->there_since_usec[serial] <= since_usec &&
               key->held_usec + key->held_spread_usec <= since_usec &&
               reference->held_usec + reference->held_spread_usec <= since_usec &&
               history->calm_since_usec <= since_usec && history->blocked_until_usec <= since_usec;
}

static void judge_gap(struct history *history)
{
        struct model *model = &history->world.model;
        const struct reference *reference = &model->reference;
        uint64_t sent = reference->sent_usec, life = reference->life_usec, expires = sent + life;
        uint64_t had = reference->found ? reference->found_usec : sent;
        uint64_t tenth = MAX_OF(expires - life / 10, had), last_chance = tenth + life / 100;
        uint64_t own = reference->store && life >= 600 * USEC_PER_SEC ? 9 : 7; /* nothing is put off later */
        uint64_t point = MAX_OF(sent + life / 10 * own, sent + USEC_PER_HOUR / 44 + 1);

        point = MAX_OF(point, had);
        uint64_t round = round_usec(history);

        for (size_t i = 0; i < reference->n_order; i++) {
                uint64_t serial = reference->order[i];
                if (life >= 600 * USEC_PER_SEC && last_chance + round <= expires &&
                    would_have_worked(history, serial, tenth)) {
                        broken(model, "gap: a key would have been granted in the last tenth");
                }
                if (reference->keys[serial].known.standing == KEY_GOOD && point + round <= expires &&
                    would_have_worked(history, serial, MAX_OF(sent + life / 10 * 6, had)) &&
                    (history->trouble_since_usec == 0 ||
                     history->trouble_since_usec >= sent + life / 10 * 6)) {
                        broken(model, "new key: a good one would have been granted since the refresh point");
                }
        }
}

/* A failure of need that concerns a key, the first in this trouble: each other key is to be asked, but for
 * those that may have to wait. */
static void begin_comparison(struct history *history, const struct reference_exchange *failure)
{
        const struct reference *reference = &history->world.model.reference;

        history->compared = true;
        memset(history->turns, 0, sizeof(history->turns));
        for (size_t i = 0; i < reference->n_order && reference->round_sure; i++) {
                uint64_t serial = reference->order[i];
                const struct reference_key *key = &reference->keys[serial];
                history->turns[serial] = serial == failure->key ? TURN_OVER
                                         : key->held_usec + key->held_spread_usec <= failure->ended_usec
                                                 ? TURN_TO_COME
                                                 : TURN_NONE;
        }
}

static bool is_first_concern(const struct history *history, const struct reference_exchange *latest)
{
        const struct model *model = &history->world.model;

        return !history->compared && history->was_in_flight && latest && latest->fate == FATE_ANSWERED &&
               latest->ended_usec == model->now_usec && latest->share != REFRESH_SHARE_TRIAL &&
               latest->outcome.outcome != EXCHANGE_GRANTED &&
               latest->outcome.outcome != EXCHANGE_UNAVAILABLE &&
               latest->outcome.outcome != EXCHANGE_THROTTLED;
}

static bool all_had_their_turn(const struct history *history)
{
        const struct reference *reference = &history->world.model.reference;

        for (size_t i = 0; i < reference->n_order; i++) {
                if (history->turns[reference->order[i]] == TURN_TO_COME) {
                        return false;
                }
        }
        return true;
}

static void judge_comparison(struct history *history)
{
        struct model *model = &history->world.model;
        const struct reference *reference = &model->reference;
        const struct reference_exchange *latest = reference_latest(reference);

        const struct reference_exchange *ended =
                model->step.exchange && reference->n > 1 ? latest - 1 : latest;
        if (!reference_in_trouble(reference) ||
            (ended && ended->fate == FATE_ANSWERED && ended->outcome.outcome == EXCHANGE_GRANTED)) {
                history->compared = false;
        }
        if (is_first_concern(history, ended)) {
                begin_comparison(history, ended);
        }
        if (!history->compared || (ended && ended->fate == FATE_HELD) ||
            reference_free_usec(reference, REFRESH_SHARE_NEED) > model->now_usec) {
                memset(history->turns, 0, sizeof(history->turns));
        }
        if (model->step.exchange) {
                if (history->turns[model->in_flight_key] == TURN_OVER && !all_had_their_turn(history)) {
                        broken(model, "found: a key was asked twice before another was asked");
                }
                history->turns[model->in_flight_key] =
                        history->turns[model->in_flight_key] == TURN_NONE ? TURN_NONE : TURN_OVER;
        }
}

static void note_state(struct history *history)
{
        struct model *model = &history->world.model;
        const struct reference *reference = &model->reference;
        uint64_t free = reference_free_usec(reference, REFRESH_SHARE_NEED);

        if (free > model->now_usec) {
                history->blocked_until_usec = MAX_OF(history->blocked_until_usec, free);
        }
        if (!reference_in_trouble(reference)) {
                history->trouble_since_usec = 0;
        } else if (history->trouble_since_usec == 0) {
                history->trouble_since_usec = model->now_usec;
        }
        history->was_in_flight = model->in_flight;
}

void watch_goals(struct world *world)
{
        struct history *history = world->context;

        if (world->model.step.expired) {
                judge_gap(history);
        }
        judge_comparison(history);
        note_state(history);
}

void note_disturbance(struct history *history)
{
        const struct reference *reference = &history->world.model.reference;
        bool there[MODEL_KEYS_MAX] = { false };

        for (size_t i = 0; i < reference->n_order; i++) {
                there[reference->order[i]] = true;
        }
        for (size_t i = 0; i < MODEL_KEYS_MAX; i++) {
                uint64_t since = history->there_since_usec[i];
                history->there_since_usec[i] = !there[i]             ? USEC_NEVER
                                               : since == USEC_NEVER ? history->world.model.now_usec
                                                                     : since;
        }
        memset(history->turns, 0, sizeof(history->turns));
}

/* ---- the end: recovery ---- */

static void demand_token(struct world *world)
{
        watch_goals(world);
        if (!model_token_lives(&world->model)) {
                broken(&world->model, "recovery: no token lives though a key works");
        }
}

/* When nothing but time is against an exchange with this key. */
static uint64_t open_usec(const struct model *model, uint64_t serial)
{
        const struct reference *reference = &model->reference;
        const struct reference_key *key = &reference->keys[serial];
        uint64_t open = reference_free_usec(reference, REFRESH_SHARE_NEED);

        open = MAX_OF(open, key->held_usec + key->held_spread_usec);
        return MAX_OF(open, reference->held_usec + reference->held_spread_usec);
}

/* May attempts be a quarter of an hour apart before each key has had its turn? */
static bool is_patient(const struct reference *reference, uint64_t since_usec)
{
        return reference_patient_at(reference, since_usec + reference->n_order * 120 * USEC_PER_SEC);
}

/* How long a token may take from then on. */
static uint64_t patience_usec(const struct model *model, uint64_t since_usec)
{
        const struct reference *reference = &model->reference;
        bool patient = is_patient(reference, since_usec);
        uint64_t answer = 2 * USEC_PER_SEC; /* of the last one, which is the good key's */

        return reference->n_order * (patient ? 15 * USEC_PER_MIN : 120 * USEC_PER_SEC) + answer;
}

static void await_token(struct history *history, uint64_t serial)
{
        struct world *world = &history->world;
        struct model *model = &world->model;
        uint64_t first = model->token_serial, by = model->now_usec + patience_usec(model, model->now_usec);

        while (model->token_serial == first && !model->broken) {
                uint64_t open = open_usec(model, serial);
                if (open > model->now_usec) {
                        by = MAX_OF(by, open + patience_usec(model, open));
                }
                if (model_token_lives(model)) { /* a refused key may be passed over for as long */
                        by = MAX_OF(by, model->expires_usec + patience_usec(model, model->expires_usec));
                }
                uint64_t next = MIN_OF(world->answer_usec, model->wake_usec);
                if (model->now_usec >= by && !model_token_lives(model)) {
                        broken(model, "recovery: no token came in time though a key works");
                        return;
                }
                if (next == USEC_NEVER) {
                        broken(model, "recovery: nothing is to happen any more");
                        return;
                }
                world_run_until(world,
                                model_token_lives(model) ? next : MIN_OF(next, MAX_OF(by, model->now_usec)));
        }
}

void recover(struct history *history)
{
        struct world *world = &history->world;
        struct model *model = &world->model;

        history->recovering = true;
        history->lifetime_sec = 7200;
        for (uint64_t serial = 0; serial < MODEL_KEYS_MAX; serial++) {
                if (history->key_moods[serial] == KEY_MIXED) {
                        change_key_mood(history, serial, KEY_403);
                }
        }
        change_mood(history, MOOD_GOOD);
        if (model->claiming) { /* the answer may be anything */
                world_run_until(world, MIN_OF(world->store_usec, model->wake_usec));
        }
        if (model->in_flight) {
                world_run_until(world, world->answer_usec); /* that one may be anything */
        }
        if (model->n_files == 0) {
                struct key_name name = { .serial = LAST_SERIAL, .label = "1-main" };
                model_keys(model, &name, 1);
                world_after_event(world);
                note_disturbance(history);
        }
        const struct reference *reference = &model->reference;
        uint64_t serial = reference->order[below(world, reference->n_order)];
        change_key_mood(history, serial, KEY_GRANTED);
        await_token(history, serial);
        if (reference->found) { /* the key itself is still to be asked, maybe for the first time */
                uint64_t open = MAX_OF(model->now_usec, open_usec(model, serial));
                world_run_until(world, open + patience_usec(model, open));
        }
        world->observer = demand_token;
        world_run_until(world, model->now_usec + 6 * USEC_PER_HOUR);
}
