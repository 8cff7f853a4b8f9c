/* Wishes of callers and operators: the verdict; the step and the obstacle of the latest wish.
 */
#pragma once

#include "tests/unit/refresh_story.h"

static struct refresh_step step;
static struct refresh_obstacle obstacle;

static inline enum refresh_verdict report(struct refresh *refresh, uint64_t serial, uint64_t now)
{
        return refresh_on_report(refresh, serial, now, &step, &obstacle);
}

static inline enum refresh_verdict demand(struct refresh *refresh, uint32_t min_ttl_sec, uint64_t now)
{
        return refresh_on_demand(refresh, min_ttl_sec, now, &step, &obstacle);
}

static inline enum refresh_verdict operate(struct refresh *refresh, uint64_t now)
{
        return refresh_on_operator(refresh, /* new_account= */ false, now, &step, &obstacle);
}

#define assert_too_soon(verdict, why, until)                                                                \
        do {                                                                                                \
                assert_int_equal((verdict), REFRESH_TOO_SOON);                                              \
                assert_int_equal(obstacle.limit, (why));                                                    \
                assert_int_equal(obstacle.until_usec, (until));                                             \
                assert_false(step.exchange);                                                                \
        } while (0)
