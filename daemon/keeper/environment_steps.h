/* Inside environment: the end of every event. */
#pragma once

#include "daemon/keeper/environment_object.h"

/* Does what the step says. */
void environment_carry_out(struct environment *environment, const struct refresh_step *step,
                           uint64_t now_usec);

/* The view may have changed. */
void environment_tell_change(struct environment *environment);

/* The same, and those who wait for an outcome, or for keys, are to look again. */
void environment_tell_news(struct environment *environment);
