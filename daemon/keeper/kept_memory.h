/* The kept memory of an environment, as far as it may take it up. */
#pragma once

#include "daemon/keeper/environment_memory.h"

/* Joins what is known of the environment (NULL: nothing) with what was saved of it beside its session
 * (NULL: nothing), as far as it fits the settings. The session stays saved's. Returns NULL, or why its
 * session is not taken up, a static text. */
const char *kept_memory_join(const struct environment_settings *settings,
                             const struct known_environment *known, const struct saved_environment *saved,
                             uint64_t now_usec, struct environment_memory *ret);
