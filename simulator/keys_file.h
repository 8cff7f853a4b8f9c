/* keys_file: the keys that the environments start with, from a JSON file. */
#pragma once

#include "simulator/keys.h"

struct keys_file;

/* Reads the file, and checks it with all its keys. The caller frees it. Returns 0, -EINVAL when the file is
 * not what it should be, or another negative errno. */
int keys_file_read(struct keys_file **ret, const char *path);
struct keys_file *keys_file_free(struct keys_file *file);
void keys_file_freep(struct keys_file **file);

/* Fills the list with the environment's keys; it stays empty if the file names none. The caller clears it.
 * Returns 0 or a negative errno. */
int keys_file_get(const struct keys_file *file, const char *environment, struct keys *ret);
