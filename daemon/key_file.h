/* One key file: is it safe, does it hold a key? */
#pragma once

#include "lib/access_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Opens and reads a file of the directory. Permissions: never writable by group or others, nor readable by
 * others unless relaxed. -EINVAL (it gives no key) and other errors: reterr_reason says what and how to mend
 * it. ret_status (for telling a rewritten file) is set on success. */
int key_file_read(int directory_fd, const char *name, bool relaxed, struct access_key **ret,
                  struct stat *ret_status, char *reterr_reason, size_t reason_size);
