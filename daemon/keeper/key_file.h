/* One key file: is it safe, does it hold a key? */
#pragma once

#include "lib/access_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Opens and reads a file of the directory. Permissions: never writable by group or others, nor readable by
 * others unless relaxed. -EINVAL (it gives no key) and other errors: reterr_reason says what and how to
 * correct it. ret_status (for telling a rewritten file) is set on success. */
int key_file_read(int directory_fd, const char *name, bool relaxed, struct access_key **ret,
                  struct stat *ret_status, char *reterr_reason, size_t reason_size);

/* Reads one line that holds a key, up to its end or the end of the input, from a pipe or a terminal; waits
 * for it. Errors as above. */
int key_file_read_line(int fd, struct access_key **ret, char *reterr_reason, size_t reason_size);
