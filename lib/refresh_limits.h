/* The obstacles to the exchanges that are wanted, and until when: the floor, the shares of the budget, the
 * upstream's Retry-After, keys that rest, the store. Nothing here changes the machine. */
#pragma once

#include "lib/refresh_state.h"

/* The first moment when nothing but the key stands against an exchange for this share; may lie in the past.
 * *ret_limit (may be NULL) is what holds longest. */
uint64_t refresh_limited_until(const struct refresh *refresh, enum refresh_share share,
                               enum refresh_limit *ret_limit);

/* When the next exchange for the token is going to start, as things stand: USEC_NEVER if there is no key.
 * While one is under way: when it was sent. Trials do not count while a token lives. */
uint64_t refresh_next_usec(const struct refresh *refresh);

/* How many exchanges were sent in the hour up to now. */
unsigned refresh_sent_last_hour(const struct refresh *refresh, uint64_t now_usec);

/* ---- for lib/refresh*.c ---- */

/* The share that a wish for this reason is taken from. */
enum refresh_share refresh_wish_share(enum refresh_reason reason);

/* When need is due: the refresh point, the next attempt, or the last chance; whatever may stand against it.
 */
uint64_t refresh_need_due_usec(const struct refresh *refresh);

/* When need may start, with what stands against it: USEC_NEVER without a key. */
uint64_t refresh_need_start_usec(const struct refresh *refresh);

/* When something that is due then may start: USEC_NEVER without a key. */
uint64_t refresh_may_start_usec(const struct refresh *refresh, uint64_t due_usec, enum refresh_share share);

/* When the next trial may start, and the wish: USEC_NEVER if there is none. */
uint64_t refresh_trial_start_usec(const struct refresh *refresh);
uint64_t refresh_wish_start_usec(const struct refresh *refresh);

/* The obstacle that puts the next exchange for the token off beyond its time. */
enum refresh_limit refresh_what_limits(const struct refresh *refresh, uint64_t now_usec);
