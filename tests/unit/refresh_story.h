/* Beginnings and outcomes that the stories about the refresh machine share. */
#pragma once

#include "lib/refresh.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define SEC    USEC_PER_SEC
#define MIDDLE (UINT32_MAX / 2)
#define START  (1000 * SEC)

/* A machine with the keys 1 (1-main) and, if asked for, 2 (2-spare); the first exchange is in flight. */
static inline struct refresh begin(size_t n_keys)
{
        static const struct key_name names[] = { { 1, false, "1-main" }, { 2, false, "2-spare" } };
        struct refresh refresh;
        refresh_init(&refresh);
        struct refresh_step step = refresh_on_keys(&refresh, names, n_keys, START);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_FIRST);
        assert_int_equal(step.key_serial, 1);
        assert_true(step.wake_usec == USEC_NEVER);
        return refresh;
}

static inline struct refresh_step ended(struct refresh *refresh, enum exchange_outcome outcome, uint64_t now)
{
        struct refresh_outcome told = { .outcome = outcome, .retry_after_sec = RETRY_AFTER_NONE };
        return refresh_on_outcome(refresh, &told, now, UINT32_MAX);
}

static inline struct refresh_step granted(struct refresh *refresh, uint32_t lifetime_sec, uint64_t serial,
                                          uint64_t now, uint32_t random)
{
        struct refresh_outcome told = { .outcome = EXCHANGE_GRANTED,
                                        .lifetime_sec = lifetime_sec,
                                        .token_serial = serial,
                                        .retry_after_sec = RETRY_AFTER_NONE };
        return refresh_on_outcome(refresh, &told, now, random);
}

static inline struct refresh_step throttled(struct refresh *refresh, uint32_t retry_after_sec, uint64_t now)
{
        struct refresh_outcome told = { .outcome = EXCHANGE_THROTTLED, .retry_after_sec = retry_after_sec };
        return refresh_on_outcome(refresh, &told, now, UINT32_MAX);
}

/* A machine with a token of 7200 s, serial 1, granted a second after START. */
static inline struct refresh with_token(size_t n_keys)
{
        struct refresh refresh = begin(n_keys);
        assert_true(granted(&refresh, 7200, 1, START + SEC, MIDDLE).adopted);
        return refresh;
}
