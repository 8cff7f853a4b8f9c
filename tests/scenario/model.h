/* A refresh machine under observation: every event goes through here, and every step that comes back is
 * carried out as an environment would and checked against the promises below. What the promises need to know
 * (tokens, sent exchanges, keys and their rests) the model keeps by itself, from the events alone, so that a
 * mistake in the machine is not repeated in its judge. Scenarios and histories both play on it.
 *
 * The promises, checked after every event:
 *   expired   no token is in hand at or after its expiry (sent + lifetime granted), and the machine
 *             asks to be called by then
 *   one       never two exchanges in flight
 *   floor     never within one second of the last exchange
 *   budget    never more than 60 exchanges in any hour
 *   patience  never before the time that the upstream named (at most an hour)
 *   rest      a refused key is not used while it rests (15 min, doubling, at most 6 h), unless its
 *             file was written again or an operator asked; only keys that are there are used
 *   attempt   while there is a key, an exchange is in flight, or the machine asks to be called at a
 *             later, finite time
 *   living    a living token goes only when another is adopted
 *   inside    the refresh point lies between 60 and 70 % of the lifetime, thus strictly inside it
 *   trial     a proven key that was replaced, and not refused since, is kept until the new one is
 *             proven or the file is gone
 *   share     an exchange for a caller (demanded, reported) is at most the 30th of its hour; only
 *             another key, tried because one was refused for the same wish, may be later
 *   verdict   what a caller is told agrees with the token in hand and with what is set
 *   restart   all of this holds across restarts of the program as well, and one whose token survives asks
 *             for none before the refresh point
 *   move      and across a change of the upstream, whose token and wish go with it */
#pragma once

#include "lib/refresh.h"

#include <stdio.h>

#define MODEL_KEYS_MAX 256 /* serials are 1 to MODEL_KEYS_MAX - 1 */

struct model_key {
        bool proven;
        bool refused;
        unsigned n_refusals;
        uint64_t rest_until_usec;
};

struct model {
        struct refresh machine;
        uint64_t now_usec;
        FILE *trace; /* every event and step is written here; NULL: nowhere */

        struct refresh_step step; /* the latest */
        uint64_t wake_usec;
        const char *broken; /* the first promise that was broken; NULL: none */

        bool has_token;
        uint64_t token_serial; /* of the latest token ever */
        uint64_t token_key;    /* the key that obtained it */
        uint64_t expires_usec;
        uint64_t token_sent_usec; /* when it was asked for */

        bool in_flight;
        uint64_t in_flight_key;
        enum refresh_reason in_flight_reason;
        uint64_t sent_usec;
        uint64_t sent_ring[REFRESH_HOURLY_BUDGET];
        uint64_t n_sent;
        uint64_t caused_ring[REFRESH_HOURLY_BUDGET]; /* of those, the ones that callers caused */
        uint64_t n_caused;
        uint64_t patience_until_usec;
        uint64_t patience_spread_usec; /* how much later than that it may be */
        uint64_t failed_usec;          /* when the latest failure, other than a refused key, arrived */
        unsigned n_slow;               /* of the latest failures, how many in a row were slow ones */
        bool refused_for_caller;       /* the latest outcome: a key was refused on a caller's wish */

        struct model_key keys[MODEL_KEYS_MAX];
        struct key_name files[KEYS_PER_ENVIRONMENT_MAX];
        uint64_t kept[KEYS_PER_ENVIRONMENT_MAX]; /* beside files[i]; 0: none */
        size_t n_files;
};

void model_init(struct model *model, FILE *trace);

/* The events, at model->now_usec. The names' serials are below MODEL_KEYS_MAX. For a grant the model gives
 * the token its serial. */
void model_keys(struct model *model, const struct key_name *names, size_t n);
void model_timer(struct model *model);
void model_outcome(struct model *model, const struct refresh_outcome *outcome, uint32_t random);
enum refresh_verdict model_demand(struct model *model, uint32_t min_ttl_sec);
enum refresh_verdict model_report(struct model *model, uint64_t token_serial);
enum refresh_verdict model_operator(struct model *model);

/* Another machine took over: that of another process, or one for another upstream. The exchange in flight is
 * gone, and nothing is known of keys and failures; sent exchanges and the upstream's wish count on. The
 * token is there on if it survives, and so its key is proven. model_keys() comes next. */
void model_begin_anew(struct model *model, const struct refresh *machine, bool token_survives);

/* Is there a token that may be handed out now? */
bool model_token_lives(const struct model *model);

/* If from now on every exchange is granted: the moment by which one has been sent, as the rules allow. The
 * latest of: 120 s from now; the upstream's Retry-After and a quarter more (at most 100 s); a slow retry (5
 * min doubling to 60) after a failure of that kind; the earliest end of a key's rest, when all keys rest;
 * the hour of the budget; the floor. */
uint64_t model_recovered_by(const struct model *model);

const char *verdict_name(enum refresh_verdict verdict);
