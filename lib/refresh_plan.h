/* The heart of the refresh machine, for lib/refresh*.c alone: every event ends in refresh_plan(). */
#pragma once

#include "lib/refresh.h"

/* The step that follows from what is wanted now. Lets an expired token go, begins a last chance, starts the
 * exchange whose time has come. */
struct refresh_step refresh_plan(struct refresh *refresh, uint64_t now_usec);

/* Asks each key once, from now on; but_latest: but for the one of the latest exchange. */
void refresh_begin_round(struct refresh *refresh, enum refresh_share share, bool but_latest);

/* Is there a token that may be handed out? */
bool refresh_token_lives(const struct refresh *refresh, uint64_t now_usec);

/* The share that a wish for this reason is taken from. */
enum refresh_share refresh_wish_share(enum refresh_reason reason);

/* When need is due: the refresh point, the next attempt, or the last chance; whatever may stand against it.
 */
uint64_t refresh_need_due_usec(const struct refresh *refresh);
