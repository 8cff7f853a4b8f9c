/* How long to wait after the n-th failure in a row: doubling, with a ceiling, with jitter. */
#pragma once

#include <stdint.h>

#define BACKOFF_CEILING_JITTER 25 /* percent */

struct backoff_policy {
        uint64_t first_usec;   /* before jitter, after the first failure */
        uint64_t ceiling_usec; /* never more */
        unsigned jitter;       /* percent of a wait below the ceiling that jitter may take away */
};

/* The wait after `failures` failures in a row (1 or more): first · 2^(failures-1), at most the ceiling, of
 * which jitter takes a part away, so that a fleet that failed together does not come back together: up to
 * the policy's share while the wait grows, up to a quarter (BACKOFF_CEILING_JITTER) once it does not.
 * `random` is uniform over its range. */
uint64_t backoff_usec(const struct backoff_policy *policy, unsigned failures, uint32_t random);

/* A uniform value in [low, high] from random bits. */
uint64_t random_between(uint64_t low, uint64_t high, uint32_t random);
