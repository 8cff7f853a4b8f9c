/* A token found in the store, for lib/refresh_claim.c alone. */
#pragma once

#include "lib/refresh_state.h"

/* The answer to a claim has a token, which is taken over if it is of use (then step->adopted). Returns what
 * else the answer is to be taken for: FOUND, and nothing else follows; or the store's word on an exchange.
 */
enum refresh_claim_kind refresh_on_found(struct refresh *refresh, const struct refresh_claim *claim,
                                         uint64_t now_usec, uint32_t random, struct refresh_step *step);
