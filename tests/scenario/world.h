/* Virtual time around a model: timers fire when they are due, and an upstream answers. */
#pragma once

#include "tests/scenario/model.h"

/* How the upstream answers the next exchange. */
struct answer {
        struct refresh_outcome outcome;
        uint64_t after_usec; /* from sending to the answer */
        uint64_t held_usec; /* not 0: it was not sent, as the key or the URL has been used elsewhere, and may
                               not be for so long */
        bool held_key;
};

/* How the store answers the next claim. */
struct store_answer {
        struct refresh_claim claim;
        uint64_t after_usec; /* from asking to the answer; USEC_NEVER: never */
        bool late;           /* it still comes when the claim has been given up */
};

struct world {
        struct model model;
        uint64_t random_state;
        /* For UINT32_MAX + 1: seeded bits. Else the machine always gets this value as its random bits. */
        uint64_t fixed_random;

        /* Asked whenever an exchange is sent. NULL: answers come by world_answer() only. */
        struct answer (*upstream)(struct world *world);
        /* The same, whenever the store is asked. NULL: answers come by world_claim() only. */
        struct store_answer (*store)(struct world *world);
        void *context; /* the upstream's and the observer's own */
        /* Called after every event; may be NULL. */
        void (*observer)(struct world *world);

        struct answer pending; /* while an exchange is in flight that the upstream answers */
        uint64_t answer_usec;  /* when; USEC_NEVER: nothing is pending */
        struct store_answer store_pending;
        uint64_t store_usec;
};

#define RANDOM_SEEDED (UINT64_C(1) << 32)

/* Makes a world at 1 s of virtual time, with random bits from the seed. */
void world_init(struct world *world, uint64_t seed, FILE *trace);

/* Frees what it holds. */
void world_clear(struct world *world);

/* Lives until then: every timer and answer at its time. */
void world_run_until(struct world *world, uint64_t until_usec);

/* Sleeps until then: nothing happens meanwhile, and everything overdue happens at the end. */
void world_sleep_until(struct world *world, uint64_t until_usec);

/* The exchange in flight ends now. */
void world_answer(struct world *world, const struct refresh_outcome *outcome);

/* The claim under way has this answer now. */
void world_claim(struct world *world, const struct refresh_claim *claim);

/* Asks the upstream for its answer to the exchange in flight; for one that was sent before there was an
 * upstream. */
void world_expect_answer(struct world *world);

/* To be called after each model_*() event that was not caused by a function above. */
void world_after_event(struct world *world);

/* Uniform random bits. */
uint64_t world_random(struct world *world);
