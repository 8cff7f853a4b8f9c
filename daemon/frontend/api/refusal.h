/* The words for a caller that the rules do not allow. */
#pragma once

#include "daemon/frontend/callers/caller.h"

#define REFUSAL_MAX 512

/* It has no right at all. Returns buffer. */
const char *refusal_of_everything(const struct caller *caller, char buffer[static REFUSAL_MAX]);

/* It may not use or refresh this environment; local: its request carries a local key, whose rights count.
 * Returns buffer. */
const char *refusal_of_environment(const struct caller *caller, const char *environment, bool operating,
                                   bool local, char buffer[static REFUSAL_MAX]);
