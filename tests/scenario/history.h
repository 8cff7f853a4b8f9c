/* One random history: its world, its moods, and what it promises beyond the model. */
#pragma once

#include "tests/scenario/world.h"

#define SERIALS_PER_FILE 80
#define LAST_SERIAL      (MODEL_KEYS_MAX - 1)

/* The upstream's. */
enum mood {
        MOOD_GOOD, /* each key has what it deserves */
        MOOD_SLUGGISH,
        MOOD_DOWN,
        MOOD_THROTTLING,
        MOOD_REFUSING,
        MOOD_BROKEN,
        MOOD_MIXED,
        _MOOD_COUNT,
};

/* The upstream's view of a key. */
enum key_mood {
        KEY_GRANTED,
        KEY_401,
        KEY_403,
        KEY_NONSENSE,
        KEY_503,
        KEY_429,
        KEY_HOLD,     /* Retry-After for the key */
        KEY_URL_HOLD, /* Retry-After for the URL */
        KEY_HANGING,
        KEY_ACCOUNT,
        KEY_MIXED,
        _KEY_MOOD_COUNT,
};

/* The store's, whatever the other brokers do. */
enum store_mood {
        STORE_HELD, /* nobody else is there */
        STORE_SHARED,
        STORE_LEASED,
        STORE_COOL,
        STORE_DOWN,
        STORE_SILENT,
        STORE_LYING,  /* tokens of any times */
        STORE_AGEING, /* tokens near their ends, one after the other */
        STORE_MIXED,
        _STORE_MOOD_COUNT,
};

enum turn {
        TURN_NONE,
        TURN_TO_COME,
        TURN_OVER,
};

struct history {
        struct world world;
        enum mood mood;
        bool with_store;
        enum store_mood store_mood;
        enum key_mood key_moods[MODEL_KEYS_MAX];
        bool callers_storm, recovering;
        unsigned pace;         /* steps of time are up to about 2^pace milliseconds */
        uint32_t lifetime_sec; /* the upstream's usual grant */
        uint32_t limit_sec;    /* the longest exchange, as exchange_timeout= says */
        uint64_t n_contents;

        /* for the goals */
        uint64_t good_since_usec[MODEL_KEYS_MAX];  /* USEC_NEVER: it would not be granted now */
        uint64_t there_since_usec[MODEL_KEYS_MAX]; /* 0: it is not there */
        uint64_t calm_since_usec;                  /* no sleep, restart or other upstream since */
        uint64_t blocked_until_usec;               /* the budget of need was used up until then */
        uint64_t trouble_since_usec;               /* the latest trouble's begin; 0: there is none */
        enum turn turns[MODEL_KEYS_MAX];           /* in the comparison that is to take place */
        bool was_in_flight, compared;
};

uint64_t below(struct world *world, uint64_t limit);

/* Between one millisecond and about 2^n milliseconds, every magnitude equally likely. */
uint64_t some_usec(struct world *world, unsigned n);

/* ---- moods (history_moods.c) ---- */

uint32_t some_lifetime_sec(struct world *world);
struct answer moody_upstream(struct world *world);

/* The upstream's mood, or a key's, is another one from now on. */
void change_mood(struct history *history, enum mood mood);
void change_key_mood(struct history *history, uint64_t serial, enum key_mood mood);

/* ---- the store (history_store.c) ---- */

struct store_answer moody_store(struct world *world);

/* ---- goals (history_goals.c) ---- */

/* After each event: is one of the promises broken that need the history to be judged?
 *   gap       a token does not run out if a key that is there would have been granted in the last tenth
 *             of its life (of 10 min and more), and nothing held it: neither Retry-After, nor budget, nor
 *             sleep, nor a restart
 *   new key   nor if a known good key would have been granted from the refresh point on, whatever the other
 *             keys are answered, and whatever the life
 *   found     after the first failure of need that concerns a key each other key is asked once, before any
 *             is asked twice */
void watch_goals(struct world *world);

/* The program ended, or time was lost otherwise. */
void note_disturbance(struct history *history);

/* One key works from now on, and the upstream with it: a token is there within 120 s for each key (15 min
 * after nothing but 401), or so long after hold and budget are over; and from then on for six hours. */
void recover(struct history *history);
