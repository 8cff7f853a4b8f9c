/* Key leftovers: files that a key writer was making when it was killed, or the power failed. Hidden, so
 * nobody uses them; but there is a key in them. */
#pragma once

#include "ctl/key_store.h"

/* The name of a file until it is whole: this, and 16 hexadecimal digits. */
#define KEY_ASIDE_PREFIX ".new-"

/* How many there are: of such a name, plain files of mode 0600, of root, of the directory's owner or of this
 * user, and untouched for ten minutes, so that nobody is writing them. None if the directory cannot be read.
 */
size_t key_leftovers_count(const struct key_store *store);

/* Removes them, and says so on stderr. A file that cannot be removed is left. */
void key_leftovers_remove(const struct key_store *store);
