/* Small helpers that every layer may use: scope cleanup, handing over, sizes and units of time. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)

/* "Never": a point in time that is not reached. */
#define USEC_NEVER UINT64_MAX

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b)  ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)  ((a) > (b) ? (a) : (b))

/* Runs f(&variable) when the variable's scope ends, on every path out of it. */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* The printf check for our own functions: position of the format, position of the first argument. */
#define _printf_(text, first) __attribute__((format(printf, text, first)))

/* Gives the pointer away: returns it and leaves NULL, so that the scope's cleanup finds nothing. */
#define take_ptr(pointer)                                                                                   \
        ({                                                                                                  \
                __auto_type _taken = (pointer);                                                             \
                (pointer) = NULL;                                                                           \
                _taken;                                                                                     \
        })

/* Gives the descriptor away likewise, leaving -1. */
#define take_fd(fd)                                                                                         \
        ({                                                                                                  \
                int _taken_fd = (fd);                                                                       \
                (fd) = -1;                                                                                  \
                _taken_fd;                                                                                  \
        })

/* The object that this is a member of. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void free_memory(void *pointer_to_pointer)
{
        free(*(void **)pointer_to_pointer);
}

#define _cleanup_free_ _cleanup_(free_memory)

/* Closes it if it is open, and leaves -1. For the layers above: lib/ itself has no files. */
static inline void close_fd(int *fd)
{
        if (*fd >= 0) {
                (void)close(*fd);
        }
        *fd = -1;
}

#define _cleanup_close_ _cleanup_(close_fd)

/* a + b, but "never" instead of wrapping around. */
static inline uint64_t usec_add(uint64_t a, uint64_t b)
{
        return a > USEC_NEVER - b ? USEC_NEVER : a + b;
}

/* a - b, but 0 instead of wrapping around. */
static inline uint64_t usec_sub(uint64_t a, uint64_t b)
{
        return a > b ? a - b : 0;
}

/* Is this errno a lack of descriptors or memory? It passes. */
static inline bool is_shortage(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}
