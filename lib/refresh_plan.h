/* The heart of the refresh machine, for lib/refresh*.c alone: every event ends in refresh_plan(). */
#pragma once

#include "lib/refresh_state.h"

/* The step that follows from what is wanted now. Lets an expired token go, begins a last chance, starts the
 * exchange whose time has come. */
struct refresh_step refresh_plan(struct refresh *refresh, uint64_t now_usec);

/* Asks each key once, from now on; but_latest: but for the one of the latest exchange. */
void refresh_begin_round(struct refresh *refresh, enum refresh_share share, bool but_latest);
