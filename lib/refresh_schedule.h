/* The moments of a new token, for lib/refresh*.c alone: when it is to be replaced, by whom, and when at the
 * latest. */
#pragma once

#include "lib/refresh_state.h"

/* A new token is in hand: sets its refresh point, its last chance, and when need is due. */
void refresh_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec, uint32_t random);

/* The store's times for a new token; without lots, for one of an earlier process. */
void refresh_store_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec,
                            uint32_t random);
