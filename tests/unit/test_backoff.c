/* Waiting after failures: doubling, a ceiling, jitter, and no overflow at the ends. */
#include "lib/backoff.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static const struct backoff_policy policy = { 1 * USEC_PER_SEC, 120 * USEC_PER_SEC, 50 };

static void test_doubles_up_to_the_ceiling(void **state)
{
        static const uint64_t sec[] = { 1, 2, 4, 8, 16, 32, 64, 120, 120 };
        for (unsigned i = 0; i < ARRAY_SIZE(sec); i++) {
                assert_int_equal(backoff_usec(&policy, i + 1, UINT32_MAX), sec[i] * USEC_PER_SEC);
        }
}

/* The policy's share while the wait grows, a quarter at the ceiling. */
static void test_jitter_takes_its_share(void **state)
{
        for (unsigned failures = 1; failures < 20; failures++) {
                uint64_t most = backoff_usec(&policy, failures, UINT32_MAX);
                uint64_t least = most < 120 * USEC_PER_SEC ? most / 2 : most - most / 4;
                assert_int_equal(backoff_usec(&policy, failures, 0), least);
                uint64_t middle = backoff_usec(&policy, failures, UINT32_MAX / 2);
                assert_in_range(middle, least + 1, most - 1);
        }
}

static void test_any_number_of_failures(void **state)
{
        assert_int_equal(backoff_usec(&policy, UINT32_MAX, UINT32_MAX), 120 * USEC_PER_SEC);
        /* Not one failure yet: as after the first, never none at all. */
        assert_int_equal(backoff_usec(&policy, 0, UINT32_MAX), USEC_PER_SEC);
}

static void test_first_above_ceiling(void **state)
{
        static const struct backoff_policy odd = { 10 * USEC_PER_SEC, 5 * USEC_PER_SEC, 50 };
        assert_int_equal(backoff_usec(&odd, 1, UINT32_MAX), 5 * USEC_PER_SEC);
}

static void test_random_between(void **state)
{
        assert_int_equal(random_between(5, 9, 0), 5);
        assert_int_equal(random_between(5, 9, UINT32_MAX), 9);
        assert_int_equal(random_between(7, 7, 12345), 7);
        /* A month of microseconds times 32 random bits does not fit 64 bits; the result must. */
        uint64_t month = 30 * 24 * USEC_PER_HOUR;
        assert_int_equal(random_between(0, month, UINT32_MAX), month);
        assert_in_range(random_between(0, month, UINT32_MAX / 2), month / 2 - 1000, month / 2 + 1000);
        assert_int_equal(random_between(0, UINT64_MAX, UINT32_MAX), UINT64_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_doubles_up_to_the_ceiling),
                cmocka_unit_test(test_jitter_takes_its_share),
                cmocka_unit_test(test_any_number_of_failures),
                cmocka_unit_test(test_first_above_ceiling),
                cmocka_unit_test(test_random_between),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
