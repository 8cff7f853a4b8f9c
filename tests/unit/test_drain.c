/* Until when things may last once the end has begun; and that nothing changes before. */
#include "daemon/frontend/http/drain.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define NOW (1000 * USEC_PER_SEC)

static void test_nothing_is_bounded_before_it_begins(void **state)
{
        const struct drain drain = { 0 };

        assert_int_equal(drain_wait_until(&drain, USEC_NEVER), USEC_NEVER);
        assert_int_equal(drain_transfer_until(&drain, NOW + USEC_PER_MIN, NOW), NOW + USEC_PER_MIN);
        assert_int_equal(drain_quiet_until(&drain, NOW, NOW + USEC_PER_MIN), NOW + USEC_PER_MIN);
}

static void test_nothing_outlasts_the_whole(void **state)
{
        struct drain drain = { 0 };

        drain_begin(&drain, NOW);
        assert_in_range(drain_wait_until(&drain, USEC_NEVER), NOW, NOW + DRAIN_LIMIT_USEC - 1);
        assert_int_equal(drain_transfer_until(&drain, USEC_NEVER, NOW), NOW + DRAIN_TRANSFER_USEC);
        assert_int_equal(drain_quiet_until(&drain, NOW - 1, USEC_NEVER), NOW - 1 + DRAIN_QUIET_USEC);
}

static void test_an_earlier_end_still_counts(void **state)
{
        struct drain drain = { 0 };

        drain_begin(&drain, NOW);
        assert_int_equal(drain_wait_until(&drain, NOW + 1), NOW + 1);
        assert_int_equal(drain_transfer_until(&drain, NOW + 1, NOW), NOW + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_bounded_before_it_begins),
                cmocka_unit_test(test_nothing_outlasts_the_whole),
                cmocka_unit_test(test_an_earlier_end_still_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
