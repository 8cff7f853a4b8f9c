/* Which directory the keys are in, and which of its entries may be one. */
#pragma once

#include "daemon/key_files.h"

#include <dirent.h>

/* The configured one; with NULL, $CREDENTIALS_DIRECTORY if it holds a key file of a known environment, else
 * the default. The caller frees; NULL: no memory. */
char *key_directory_choose(const char *configured, key_files_known_fn known, void *userdata);

/* For scandir(3): neither a directory nor a hidden name. */
int key_directory_may_be_key(const struct dirent *entry);
