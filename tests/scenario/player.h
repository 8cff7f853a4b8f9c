/* The player of scenarios: its state while it plays a file. The file format is described in player.c. */
#pragma once

#include "tests/scenario/script.h"
#include "tests/scenario/world.h"

#define KEY_NAME_MAX    16
#define EXCHANGES_MAX   65536
#define TOKEN_LIVES_MAX 65536

/* Scenario time 00:00:00; the machine's clock is never 0. */
#define EPOCH_USEC USEC_PER_SEC

/* A time in which a token lived, without a gap; until USEC_NEVER: it still does. */
struct token_life {
        uint64_t from_usec, until_usec;
};

struct player {
        struct script script;
        struct world world;
        unsigned n_expectations;

        char key_names[MODEL_KEYS_MAX][KEY_NAME_MAX]; /* by serial */
        bool answered[MODEL_KEYS_MAX]; /* keys that the upstream answers in a way of their own */
        struct refresh_outcome own_answers[MODEL_KEYS_MAX];
        struct store_answer store_manner; /* of the store, unless answers come by hand */
        uint64_t store_since_usec;
        unsigned n_claims;    /* since the mark */
        struct answer manner; /* of the upstream, unless answers come by hand */

        enum refresh_verdict verdict; /* the latest */
        uint64_t mark_usec;           /* exchanges are counted from here */
        uint64_t sent_usec[EXCHANGES_MAX];
        size_t n_sent;
        struct token_life lives[TOKEN_LIVES_MAX];
        size_t n_lives;
};

/* Reads and checks the expectations that follow the word "expect" (expect.c). */
bool player_expect(struct player *player);

/* The serial of a key by its name in the file; a new one for a name that was not seen before. 0: too many.
 */
uint64_t player_key(struct player *player, const char *name);

/* The events, and the expectations, of a store that others share (sharing.c). */
bool player_store(struct player *player);
bool player_claim(struct player *player);
bool player_expect_claim(struct player *player, bool any);
bool player_expect_claims(struct player *player);

/* The events of these names (callers.c). */
bool player_demand(struct player *player);
bool player_report(struct player *player);
bool player_storm(struct player *player);
