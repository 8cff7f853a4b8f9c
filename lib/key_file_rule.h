/* Which key files are safe to use. One rule for the daemon, which reads them, and for eqpctl, which writes
 * them and tells of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file by its type, its mode (permission bits) and its length in bytes. Never writable by group or others,
 * nor readable by others unless relaxed. -EINVAL: reterr_reason says what is wrong and how to correct it,
 * and never quotes the file. */
int key_file_check(bool is_regular, unsigned mode, uint64_t length, bool relaxed, char *reterr_reason,
                   size_t size);
