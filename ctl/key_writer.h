/* Key writer: changing what is in the key store. Every function says on stderr what went wrong, and leaves
 * nothing half done. */
#pragma once

#include "ctl/key_store.h"

/* Can files be put into the directory? Without one: yes, it can be made later. -EACCES and others. */
int key_writer_check(const struct key_store *store);

/* Makes the directory if there is none: mode 0700, owned by the daemon's user where that exists and we may
 * give it away. Missing parents are made with mode 0755. */
int key_writer_make_directory(struct key_store *store);

/* Puts a key into a file, which is whole at every moment: mode 0600, owner and group of the directory, on
 * the disk when this returns. Mode 0640 where the user eqp-broker gets at it by that group alone, unless it
 * is the callers'. Replaces the file if there is one. Clears away what an earlier writer left that was
 * killed. */
int key_writer_put(const struct key_store *store, const char *file, const struct access_key *key);

/* Removes a file. */
int key_writer_remove(const struct key_store *store, const char *file);
