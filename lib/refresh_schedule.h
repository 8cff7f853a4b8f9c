/* The moments of a new token, for lib/refresh*.c alone: its refresh point, its last chance, and the time
 * from which the store puts no exchange off any more. And the end of the patience after nothing but 401. */
#pragma once

#include "lib/refresh_state.h"

/* A new token is in hand: sets its refresh point, its last chance, and when need is due. */
void refresh_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec, uint32_t random);

/* The store's times alone: for the token of an earlier process, with the middle for random. */
void refresh_store_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec,
                            uint32_t random);

/* It was not nothing but 401 after all, or something else may help now: whatever waited for that waits no
 * longer than any other attempt. */
void refresh_end_patience(struct refresh *refresh, uint64_t now_usec);
