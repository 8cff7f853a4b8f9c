/* A heap that fails once. The linker puts it (--wrap) between the program's objects and whatever takes
 * memory: the C library, json-c, inih. What these call themselves is untouched. */
#pragma once

#include <stddef.h>

/* What takes memory: returns 0, or -ENOMEM. What it takes it gives back. */
typedef int (*no_memory_fn)(void);

/* Runs it with the first call that takes memory failing, then the second, and so on until all worked. Each
 * run but the last must return -ENOMEM, no run may leave a mapping behind, and there must be at least n_min
 * calls. (Blocks of the heap that are left behind are what the address sanitizer finds.) */
void no_memory_try(no_memory_fn act, unsigned n_min);
