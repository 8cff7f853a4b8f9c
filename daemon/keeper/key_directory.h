/* Which directory the keys are in, and which of its entries may be one. */
#pragma once

#include "lib/names.h"

#include <dirent.h>

/* Is this environment configured by settings or built in? */
typedef bool (*key_directory_known_fn)(const char *environment, void *userdata);

/* The configured one; with NULL, $CREDENTIALS_DIRECTORY if it holds a key file of a known environment, else
 * the usual one. The caller frees *ret. -ENOMEM, -EMFILE, -ENFILE: that cannot be told now. */
int key_directory_choose(const char *configured, const char *usual, key_directory_known_fn known,
                         void *userdata, char **ret);

/* For scandir(3): neither a directory nor a hidden name. */
int key_directory_may_be_key(const struct dirent *entry);

/* Is this the service manager's ($CREDENTIALS_DIRECTORY)? Then files of other names may be there, for
 * others. */
bool key_directory_is_shared(const char *directory);

/* The parts of a file's name that key_file_name_parse() finds; in a shared directory an underscore may stand
 * for the dot, as the manager makes it where a whole directory is a credential. -EINVAL. */
int key_directory_name_parse(bool shared, const char *file,
                             char ret_environment[static ENVIRONMENT_NAME_MAX + 1],
                             char ret_label[static KEY_LABEL_MAX + 1]);
