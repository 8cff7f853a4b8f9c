/* Shell words: a value as shells and env files read it back. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The most that a value of so many characters may take. */
#define SHELL_WORD_MAX(length) (4 * (size_t)(length) + 2)

/* Writes the value, in quotes only where a shell needs them: readers of env files other than shells take
 * those for a part of the value. The length, without a NUL; -EMSGSIZE. */
ssize_t shell_word(const char *value, char *buffer, size_t size);
