/* Scope: which broker this is about: the system's, or this user's own. */
#pragma once

#include "lib/places.h"

/* The user's own, in an ordinary user's session, if the user has begun to have one (its socket or its folder
 * of settings is there), or where the system has none; root's own, if its socket is there. Else the
 * system's. */
void scope_places(struct places *ret);

/* "--user" or "--system", for eqp-brokerd to be of the same mind; NULL: it is anyway. */
const char *scope_option(void);

/* Is it this user's own? */
bool scope_is_user(void);
