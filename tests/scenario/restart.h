/* The machine's life ends, and another one begins: the losses with the first, and the heritage of the next.
 */
#pragma once

#include "tests/scenario/world.h"

/* The process ends now (an exchange in flight goes with it), and down_usec later another one begins, with
 * the same key files. through_text: the remains take the way through their text, as in real life; else it is
 * handed over as it is, which is much faster. */
void world_restart(struct world *world, uint64_t down_usec, bool through_text);

/* From now on another upstream is asked: the exchange in flight goes, and so does the token. */
void world_move(struct world *world);
