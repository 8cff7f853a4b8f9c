/* The refresh machine's step, its obstacles, and its knowledge of keys, in words: for the log, the
 * status, what is kept over restarts, and tests. They are static. */
#pragma once

#include "lib/refresh.h"

/* "first", "due", "retry", "compared", "trial", "reported", "demanded", "operator". */
const char *refresh_reason_name(enum refresh_reason reason);

/* "none", "floor", "budget", "share", "retry-after", "keys", "retry", "gap", "elsewhere", "store". For tests
 * and their traces. */
const char *refresh_limit_name(enum refresh_limit limit);

/* "untried", "good", "refused". */
const char *key_standing_name(enum key_standing standing);

/* "", "unauthorized", "outdone", "other_account". */
const char *key_cause_name(enum key_cause cause);
