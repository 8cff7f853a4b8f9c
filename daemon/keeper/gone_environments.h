/* The memory of environments that are not there: removed a short time ago, or not taken up yet at a
 * start. So that removal and return is no way to begin anew. */
#pragma once

#include "lib/saved_knowledge.h"

/* All zero: none. */
struct gone_environments {
        struct known_environment *list[KNOWN_ENVIRONMENTS_MAX];
        size_t n;
};

/* Takes it over. Where there is no room, the one that has been gone for longest is forgotten. */
void gone_environments_put(struct gone_environments *gone, struct known_environment *known);

/* Takes one out, for the caller's free(). NULL: there is none of this name. */
struct known_environment *gone_environments_take(struct gone_environments *gone, const char *name);

/* From now on those are gone that are still here, at most KNOWN_GONE_MAX. One that has been gone for
 * KNOWN_GONE_USEC is forgotten. */
void gone_environments_settle(struct gone_environments *gone, uint64_t now_usec);

/* Forgets what cannot have been left by now, see known_environment_possible(). */
void gone_environments_drop_impossible(struct gone_environments *gone, uint64_t now_usec);

void gone_environments_clear(struct gone_environments *gone);
