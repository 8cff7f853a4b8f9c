/* A heap that fails once. The linker puts it (--wrap) between the program's objects and whatever takes
 * memory: the C library, json-c, inih. Calls of these themselves are untouched. */
#pragma once

#include <errno.h>
#include <stdbool.h>

/* A function that takes memory: returns 0, or -ENOMEM. It gives back all that it takes. */
typedef int (*no_memory_fn)(void);

/* Runs it with the first call that takes memory failing, then the second, and so on until all worked. Each
 * run but the last must return -ENOMEM, no run may leave a mapping behind, and there must be at least n_min
 * calls. (Blocks of the heap that are left behind are what the address sanitizer finds.) */
void no_memory_try(no_memory_fn act, unsigned n_min);

/* For wrapped calls beyond those of no_memory.c: counts one, and says whether it is to fail. */
bool no_memory_now(void);

#define NO_MEMORY_WRAP(type, name, failure, parameters, arguments)                                          \
        type __real_##name parameters;                                                                      \
        type __wrap_##name parameters;                                                                      \
        type __wrap_##name parameters                                                                       \
        {                                                                                                   \
                if (no_memory_now()) {                                                                      \
                        errno = ENOMEM;                                                                     \
                        return (failure);                                                                   \
                }                                                                                           \
                return __real_##name arguments;                                                             \
        }
