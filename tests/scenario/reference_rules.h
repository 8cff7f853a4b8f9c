/* The common part of the rules: for reference_*.c alone. */
#pragma once

#include "tests/scenario/reference.h"

/* From when on the key's own patience is over, at the latest. */
uint64_t rule_usable_by(const struct reference_key *key);

/* The same for everything else: the URL's patience, floor, budget. */
uint64_t rule_upstream_by(const struct reference *reference, enum refresh_share share);

bool rule_lives(const struct reference *reference, uint64_t now_usec);

/* One attempt lies between the begin of the last tenth of the token's life and a moment shortly after it; of
 * a token that was found then, between that and a moment later. USEC_NEVER: no token, or too short a life.
 */
struct rule_chance {
        uint64_t from_usec, by_usec;
};
struct rule_chance rule_last_chance(const struct reference *reference);

/* May a last chance be under way, or be put off? The lots do not tell. */
bool rule_chance_possible(const struct reference *reference, uint64_t now_usec);

/* How many attempts a program that ends now leaves behind: since the token was issued, or without one in ten
 * minutes; of the 60 latest exchanges, which are all that is kept. */
unsigned rule_in_vain(const struct reference *reference, bool token);

/* Was an exchange for need sent since then, by this machine? */
bool rule_served_since(const struct reference *reference, uint64_t usec);

/* The books: one more line, and the line of the exchange under way (NULL: there is none). */
struct reference_exchange *rule_append(struct reference *reference);
struct reference_exchange *rule_under_way(struct reference *reference);

/* It obtained a token that was issued then: here or elsewhere. */
void rule_key_is_good(struct reference *reference, uint64_t serial, uint64_t seen_usec);

/* The meaning of an answer for its key: of a grant, and of one that is none. */
void rule_key_granted(struct reference *reference, uint64_t serial, uint64_t now_usec);
void rule_key_failed(struct reference *reference, const struct reference_exchange *exchange,
                     uint64_t now_usec);

/* There was another answer than 401, or something else may help. */
void rule_not_only_401(struct reference *reference, uint64_t now_usec);

/* The least time between two exchanges that the budget bears for ever. */
#define PACE_USEC (USEC_PER_HOUR / 44 + 1)

/* Is the token of this grant not taken? A trial's is not if the one in hand lives longer, unless that was
 * reported. */
bool rule_spares(const struct reference *reference, const struct reference_exchange *exchange,
                 uint64_t now_usec);
