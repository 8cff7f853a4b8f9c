/* Numbers of bytes as people write and read them. */
#pragma once

#include <stdint.h>

#define SIZE_TEXT_MAX 32 /* with the NUL */

/* Reads "65536", "64KiB", "64MiB", "2GiB", also "64K", "64M", "2G": digits, then an optional unit with or
 * without one space before it; no unit means bytes. -EINVAL: not of that form; -ERANGE: 2^60 bytes and more.
 */
int size_parse(const char *text, uint64_t *ret);

/* Writes it in the largest unit that divides it, so that reading gives the same. Returns buffer. */
const char *size_format(uint64_t size, char buffer[static SIZE_TEXT_MAX]);
