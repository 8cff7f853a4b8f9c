/* Beginnings and outcomes that the stories about the refresh machine share. */
#pragma once

#include "lib/refresh.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define SEC    USEC_PER_SEC
#define MIDDLE (UINT32_MAX / 2)
#define START  (1000 * SEC)
#define MONTH  LIFETIME_MAX_SEC /* a life in which need keeps out of the way */

/* Three files that hold the keys 1, 2 and 3, and what is known of these. */
struct key_files {
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX];
};

static inline struct key_files key_files(enum key_standing first, enum key_standing second,
                                         enum key_standing third)
{
        struct key_files files = { { { .serial = 1, .label = "1-main" },
                                     { .serial = 2, .label = "2-spare" },
                                     { .serial = 3, .label = "3-third" } } };
        const enum key_standing standings[] = { first, second, third };

        for (size_t i = 0; i < ARRAY_SIZE(standings); i++) {
                files.names[i].known.standing = standings[i];
                files.names[i].known.seen_usec = standings[i] == KEY_UNTRIED ? 0 : START - (i + 1) * SEC;
                files.names[i].known.cause =
                        standings[i] == KEY_REFUSED ? KEY_UNAUTHORIZED : KEY_NOT_REFUSED;
        }
        return files;
}

static inline struct key_files new_files(void)
{
        return key_files(KEY_UNTRIED, KEY_UNTRIED, KEY_UNTRIED);
}

static inline struct key_files good_files(void)
{
        return key_files(KEY_GOOD, KEY_GOOD, KEY_GOOD);
}

/* A machine with these keys; the first exchange, which is key 1's, is in flight since START. */
static inline struct refresh begin_with(struct key_files files, size_t n_keys)
{
        struct refresh refresh;

        refresh_init(&refresh);
        struct refresh_step step = refresh_on_keys(&refresh, files.names, n_keys, START);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_FIRST);
        assert_int_equal(step.key_serial, 1);
        assert_true(step.wake_usec == USEC_NEVER);
        return refresh;
}

static inline struct refresh begin(size_t n_keys)
{
        return begin_with(new_files(), n_keys);
}

/* The exchange that is under way fails. Waits are as long as they may be. */
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

/* A machine with these keys and a token, serial 1, of the exchange that was sent at START. */
static inline struct refresh with_life(struct key_files files, size_t n_keys, uint32_t lifetime_sec)
{
        struct refresh refresh = begin_with(files, n_keys);
        assert_true(granted(&refresh, lifetime_sec, 1, START + SEC, MIDDLE).adopted);
        return refresh;
}

static inline struct refresh with_token(size_t n_keys)
{
        return with_life(new_files(), n_keys, 7200);
}

/* The key of the exchange that begins now; 0: none does. */
static inline uint64_t asks(struct refresh *refresh, uint64_t now)
{
        struct refresh_step step = refresh_on_timer(refresh, now);
        return step.exchange ? step.key_serial : 0;
}

/* The machine asks this key now, which fails like this. */
#define assert_fails(refresh, now, serial, outcome)                                                         \
        do {                                                                                                \
                assert_int_equal(asks(refresh, now), (serial));                                             \
                (void)ended(refresh, (outcome), (now));                                                     \
        } while (0)

static inline enum key_standing standing(const struct refresh *refresh, uint64_t serial)
{
        return keyring_find(&refresh->keyring, serial)->known.standing;
}

static inline enum key_cause cause(const struct refresh *refresh, uint64_t serial)
{
        return keyring_find(&refresh->keyring, serial)->known.cause;
}
