/* How the upstream of a random history answers. */
#include "lib/util.h"
#include "tests/scenario/history.h"

uint64_t below(struct world *world, uint64_t limit)
{
        return world_random(world) % limit;
}

uint64_t some_usec(struct world *world, unsigned n)
{
        uint64_t span = UINT64_C(1) << below(world, n);
        return (span + below(world, span)) * USEC_PER_MSEC;
}

uint32_t some_lifetime_sec(struct world *world)
{
        static const uint32_t usual[] = { 1, 2, 60, 300, 600, 1800, 3600, 7200, 7200, 7200, 86400, 604800 };
        uint64_t i = below(world, ARRAY_SIZE(usual) + 1);
        return i < ARRAY_SIZE(usual) ? usual[i] : (uint32_t)(1 + below(world, LIFETIME_MAX_SEC));
}

/* ... and the grant would come in time to be of use. */
static bool would_grant(const struct history *history, uint64_t serial)
{
        return history->lifetime_sec > history->limit_sec && history->mood <= MOOD_SLUGGISH &&
               history->key_moods[serial] == KEY_GRANTED;
}

static void note_moods(struct history *history)
{
        for (size_t i = 0; i < MODEL_KEYS_MAX; i++) {
                if (!would_grant(history, i)) {
                        history->good_since_usec[i] = USEC_NEVER;
                } else if (history->good_since_usec[i] == USEC_NEVER) {
                        history->good_since_usec[i] = history->world.model.now_usec;
                }
        }
}

void change_mood(struct history *history, enum mood mood)
{
        history->mood = mood;
        note_moods(history);
}

void change_key_mood(struct history *history, uint64_t serial, enum key_mood mood)
{
        history->key_moods[serial] = mood;
        note_moods(history);
}

static uint32_t some_patience_sec(struct world *world)
{
        static const uint32_t patience[] = { RETRY_AFTER_NONE, 0, 1, 30, 600, 3600, UINT32_MAX - 1 };
        return patience[below(world, ARRAY_SIZE(patience))];
}

static enum exchange_outcome outcome_of_key(struct world *world, enum key_mood mood)
{
        static const enum exchange_outcome outcomes[_KEY_MOOD_COUNT] = {
                [KEY_GRANTED] = EXCHANGE_GRANTED,      [KEY_401] = EXCHANGE_KEY_REFUSED,
                [KEY_403] = EXCHANGE_REQUEST_REFUSED,  [KEY_NONSENSE] = EXCHANGE_MALFORMED,
                [KEY_503] = EXCHANGE_UNAVAILABLE,      [KEY_429] = EXCHANGE_THROTTLED,
                [KEY_HOLD] = EXCHANGE_REQUEST_REFUSED, [KEY_URL_HOLD] = EXCHANGE_UNAVAILABLE,
                [KEY_HANGING] = EXCHANGE_UNAVAILABLE,  [KEY_ACCOUNT] = EXCHANGE_OTHER_ACCOUNT,
        };
        return mood == KEY_MIXED ? (enum exchange_outcome)below(world, _EXCHANGE_OUTCOME_COUNT)
                                 : outcomes[mood];
}

static enum exchange_outcome outcome_in_mood(struct world *world, enum mood mood, enum key_mood key)
{
        switch (mood) {
        case MOOD_DOWN:
                return EXCHANGE_UNAVAILABLE;
        case MOOD_THROTTLING:
                return EXCHANGE_THROTTLED;
        case MOOD_REFUSING:
                return below(world, 8) ? EXCHANGE_KEY_REFUSED : EXCHANGE_REQUEST_REFUSED;
        case MOOD_BROKEN:
                return below(world, 2) ? EXCHANGE_MALFORMED : EXCHANGE_REQUEST_REFUSED;
        case MOOD_MIXED:
                return (enum exchange_outcome)below(world, _EXCHANGE_OUTCOME_COUNT);
        default:
                return outcome_of_key(world, key);
        }
}

static void add_patience(struct history *history, enum key_mood key, struct refresh_outcome *outcome)
{
        struct world *world = &history->world;
        bool mixed = history->mood == MOOD_MIXED || key == KEY_MIXED;

        outcome->retry_after_sec = RETRY_AFTER_NONE;
        if (outcome->outcome == EXCHANGE_GRANTED) {
                return;
        }
        if (key == KEY_HOLD || key == KEY_URL_HOLD || history->mood == MOOD_THROTTLING ||
            (mixed && below(world, 4) == 0)) {
                outcome->retry_after_sec = some_patience_sec(world);
        }
        outcome->retry_after_for_key =
                outcome->outcome != EXCHANGE_UNAVAILABLE && outcome->outcome != EXCHANGE_THROTTLED;
        if (history->recovering && !outcome->retry_after_for_key) {
                outcome->retry_after_sec = RETRY_AFTER_NONE;
        }
}

struct answer moody_upstream(struct world *world)
{
        struct history *history = world->context;
        enum key_mood key = history->key_moods[world->model.in_flight_key];
        struct answer answer = { .after_usec = some_usec(world, 10) };

        answer.outcome.outcome = outcome_in_mood(world, history->mood, key);
        answer.outcome.lifetime_sec = history->lifetime_sec;
        if (!history->recovering && below(world, 10) == 0) {
                uint32_t least = history->lifetime_sec > history->limit_sec ? history->limit_sec + 1 : 1;
                uint32_t some = some_lifetime_sec(world);
                answer.outcome.lifetime_sec = MAX_OF(some, least);
        }
        add_patience(history, key, &answer.outcome);
        if (history->mood == MOOD_SLUGGISH || key == KEY_HANGING) {
                answer.after_usec = below(world, history->limit_sec * USEC_PER_SEC);
        }
        if (history->mood == MOOD_DOWN) {
                answer.outcome.unsent = below(world, 4) == 0;
        }
        if (!history->recovering && below(world, 64) == 0) {
                answer.held_usec = some_usec(world, 22);
                answer.held_key = below(world, 2) == 0;
        }
        return answer;
}
