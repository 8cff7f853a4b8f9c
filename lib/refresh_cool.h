/* The cool-down of a key whose exchange has failed: how long other brokers that share the store leave it
 * alone. */
#pragma once

#include "lib/refresh_state.h"

/* The exchange with this key has just brought no token, and the machine has been told: until when others had
 * better not repeat it, at most REFRESH_COOL_MAX_USEC from now. That is when this machine tries again by
 * itself. If another key that may work is asked in its place now, or if it was a trial's, that is not soon.
 * After a trial that was granted, and whose token was not adopted: now. */
uint64_t refresh_cool_usec(const struct refresh *refresh, uint64_t key_serial, uint64_t now_usec);
