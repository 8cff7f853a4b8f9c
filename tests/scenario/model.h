/* A refresh machine under observation: every event goes through here, and every step that comes back is
 * carried out as an environment would and checked against the promises below. The facts behind the promises
 * are kept here and in the reference (reference.h), from the events alone, so that a mistake in the machine
 * is not repeated in its judge. Scenarios and histories both play on it.
 *
 * The promises, checked after every event:
 *   expired   no token is in hand at or after its expiry (sent + lifetime granted), and the machine
 *             asks to be called by then
 *   one       never two exchanges in flight; the one of a key that is gone is void at once
 *   floor     never within one second of the last exchange
 *   budget    never more than 60 exchanges in any hour; 44 for need, 4 for each kind of wish, and
 *             nothing changes this: no restart, no other upstream, no removal and return of keys
 *   patience  never before the time that the upstream named (at most an hour), for the URL or for a key
 *   attempt   while there is a key, an exchange is in flight, or the machine asks to be called at a
 *             later, finite time; and that is not later than the rules allow (reference_must())
 *   cause     each exchange has a reason that the rules know, and the key whose turn it is
 *             (reference_may())
 *   living    a living token goes only when another is adopted, or when there has been no key for 10 s
 *   inside    the refresh point lies between 60 and 70 % of the lifetime, thus strictly inside it
 *   known     what is said of a key is what the rules make of the answers: no key is called good that
 *             was never granted; a kept key is there until its replacement was granted or the file is gone
 *   verdict   what a caller or an operator is told agrees with the token in hand and with what is set;
 *             a report leads to an exchange, unless one is set already
 *   obstacle  the time told is true: before it the same wish would be refused, from it on not for this
 *   restart   all of this holds across restarts of the program as well; a token that survives is not
 *             replaced before the refresh point, unless it was reported
 *   move      and across a change of the upstream, whose token and patience go with it
 *   claim     before an exchange for need, a report or a demand the store is asked, if there is one, and
 *             nothing else is under way; it has 5 s, and at most 1,000 questions an hour
 *   store     whatever it answers, and if it does not: an exchange is put off until 90 % of the life of a
 *             good token at the latest (70 % of one shorter than 10 min), without one for 100 s, and not
 *             at all after a failed attempt; a token of it is adopted if, and only if, it lives longer than
 *             a good one in hand; after two of them that were reported none is for a lifetime */
#pragma once

#include "lib/util.h"
#include "tests/scenario/reference.h"

#include <stdio.h>

/* More often than that no store is asked, whatever it answers. */
#define MODEL_CLAIMS_PER_HOUR 1000

struct model {
        struct refresh machine;
        uint64_t now_usec;
        FILE *trace; /* every event and step is written here; NULL: nowhere */

        struct refresh_step step; /* the latest */
        uint64_t wake_usec;
        const char *broken; /* the first promise that was broken; NULL: none */

        struct reference reference;

        bool has_token;
        uint64_t token_serial; /* of the latest token ever */
        uint64_t token_key;    /* the key that obtained it */
        uint64_t expires_usec;
        uint64_t token_sent_usec; /* when it was asked for */
        uint32_t attainable_sec;  /* its life when it arrived; 0: not known */

        bool in_flight;
        uint64_t in_flight_key;
        enum refresh_reason in_flight_reason;
        uint64_t sent_usec;

        bool claiming;
        uint64_t claimed_usec;
        enum refresh_share claimed_share;
        uint64_t claims_usec[MODEL_CLAIMS_PER_HOUR]; /* the latest, as a ring */
        size_t n_claims;

        uint64_t reported_usec;           /* the latest report that was accepted; 0: none */
        struct refresh_obstacle obstacle; /* told last */

        struct key_name files[KEYS_PER_ENVIRONMENT_MAX];
        size_t n_files;
        bool had_files;        /* since the machine began */
        uint64_t keyless_usec; /* since when there is none */
};

void model_init(struct model *model, FILE *trace);
void model_clear(struct model *model);

/* The events, at model->now_usec. The names' serials are below MODEL_KEYS_MAX. For a grant the model gives
 * the token its serial. */
void model_keys(struct model *model, const struct key_name *names, size_t n);
void model_timer(struct model *model);
void model_outcome(struct model *model, const struct refresh_outcome *outcome, uint32_t random);
void model_held(struct model *model, bool key, uint64_t until_usec);
/* There is a store from now on, or none. */
void model_use_store(struct model *model, bool use);
/* The store's answer; too late if no claim is under way. For a token the model gives it its serial. */
void model_claim(struct model *model, const struct refresh_claim *claim, uint32_t random);
enum refresh_verdict model_demand(struct model *model, uint32_t min_ttl_sec);
enum refresh_verdict model_report(struct model *model, uint64_t token_serial);
enum refresh_verdict model_operator(struct model *model, bool new_account);

/* Another machine took over: that of another process, or one for another upstream. The exchange in flight is
 * gone; sent exchanges count on, and so does the patience of the same upstream. model_keys() comes next,
 * with what is known of each key. */
void model_begin_anew(struct model *model, const struct refresh *machine, bool token_survives,
                      bool same_upstream);

/* Is there a token that may be handed out now? */
bool model_token_lives(const struct model *model);

/* For model*.c: judges the step that ends an event, and writes a line of the trace. */
void model_settle(struct model *model, struct refresh_step step);
void model_check(struct model *model, bool kept, const char *promise);
void model_trace(struct model *model, const char *format, ...) _printf_(2, 3);

const char *verdict_name(enum refresh_verdict verdict);
