/* How long to wait after the n-th failure in a row.
 *
 * At the ceiling jitter takes at most a quarter: were it half, a long outage at the ceiling of the refresh
 * machine (115 s) could ask up to 62 times an hour, and need may 44 times; with a quarter it is 41. */
#include "lib/backoff.h"

#include "lib/util.h"

uint64_t random_between(uint64_t low, uint64_t high, uint32_t random)
{
        /* The product itself could need 96 bits, which 32-bit processors do not have: whole parts first. */
        uint64_t whole = (high - low) / UINT32_MAX, rest = (high - low) % UINT32_MAX;

        return low + whole * random + rest * random / UINT32_MAX;
}

uint64_t backoff_usec(const struct backoff_policy *policy, unsigned failures, uint32_t random)
{
        uint64_t wait = policy->first_usec;
        for (unsigned i = 1; i < failures && wait < policy->ceiling_usec; i++) {
                wait *= 2;
        }
        unsigned jitter = wait < policy->ceiling_usec ? policy->jitter : BACKOFF_CEILING_JITTER;
        wait = MIN_OF(wait, policy->ceiling_usec);
        return random_between(wait - wait / 100 * jitter, wait, random);
}
