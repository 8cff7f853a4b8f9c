/* The machine's life ends, and another one begins: what goes with the first, and what the next is left. */
#pragma once

#include "tests/scenario/world.h"

/* The process ends now (an exchange in flight goes with it), and down_usec later another one begins, with
 * the same key files. through_text: what is left takes the way through its text, as in real life; else it is
 * handed over as it is, which is much faster. */
void world_restart(struct world *world, uint64_t down_usec, bool through_text);

/* From now on another upstream is asked: the exchange in flight goes, and so does the token. */
void world_move(struct world *world);
