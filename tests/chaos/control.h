/* control: a page of memory that the daemon under test shares with who tests it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CONTROL_KINDS 7 /* of calls, in the order of enum kind in tests/faults/faults.h */

struct control {
        atomic_uint_fast64_t forward_usec;         /* how far CLOCK_BOOTTIME is ahead of the kernel's */
        atomic_uint_fast64_t seed;                 /* of the failures */
        atomic_uint_fast64_t ppm[CONTROL_KINDS];   /* of a million calls of that kind, so many fail */
        atomic_uint_fast64_t calls[CONTROL_KINDS]; /* so many were asked about */
        atomic_uint_fast64_t failed;               /* so many did */
};

/* The page, or NULL if there is none. */
struct control *control_get(void);

/* Whether a call of that kind is to fail: each draws once. */
bool control_fails(unsigned kind);

/* Of its file, to be handed to a frontend; -1: none. */
int control_descriptor(void);
