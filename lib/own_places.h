/* Own places: lib/places.h asked with the surroundings of this process. (The rest of lib/ looks at nothing
 * outside of its arguments.) */
#pragma once

#include "lib/places.h"

/* Reads $HOME, $XDG_CONFIG_HOME and $XDG_RUNTIME_DIR, none of them in a set-user-ID program, and looks whose
 * the last one is; where that is not set, /run/user/UID takes its place. Results as places_find(). */
int own_places_find(struct places *ret, enum places_scope scope, const char **reterr_why);

/* The same with PLACES_AUTO, which always has a result. */
void own_places(struct places *ret);

/* The socket of this user's broker, whether it is there or not. False: this user has no runtime directory.
 */
bool own_places_socket(char ret[static PLACES_SOCKET_MAX]);
