/* What the refresh machine does and what holds it up, in words: for logs and for tests. They are static. */
#pragma once

#include "lib/refresh.h"

/* "first", "due", "retry", "trial", "reported", "demanded", "operator". */
const char *refresh_reason_name(enum refresh_reason reason);

/* "none", "floor", "budget", "retry-after", "keys". */
const char *refresh_limit_name(enum refresh_limit limit);
