/* A wish that others came before: it is over, and all else goes on. */
#include "tests/unit/refresh_wishes.h"

/* Its exchange was begun, and may not be. */
static struct refresh_step withdraw(struct refresh *refresh, uint64_t now)
{
        refresh_withdraw(refresh);
        return refresh_on_held(refresh, /* key= */ true, now, now);
}

static void test_wish_is_over(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 1000 * SEC, due = refresh.due_usec;

        assert_int_equal(operate(&refresh, now), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        step = withdraw(&refresh, now);
        assert_false(step.exchange);
        assert_int_equal(step.wake_usec, due);
        assert_int_equal(refresh.n_failures, 0);
        assert_true(refresh_on_timer(&refresh, due).exchange);
}

static void test_report_may_be_made_again(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 1000 * SEC, serial = refresh.token_serial;

        assert_int_equal(report(&refresh, serial, now), REFRESH_UNDER_WAY);
        (void)withdraw(&refresh, now);
        assert_int_equal(report(&refresh, serial, now + 20 * SEC), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

/* One that was reported and led to something is not reported twice. */
static void test_another_wish_is_no_report(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 1000 * SEC;

        refresh.reported_serial = refresh.token_serial;
        assert_int_equal(operate(&refresh, now), REFRESH_UNDER_WAY);
        (void)withdraw(&refresh, now);
        assert_int_equal(report(&refresh, refresh.token_serial, now + 20 * SEC), REFRESH_ALREADY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wish_is_over),
                cmocka_unit_test(test_report_may_be_made_again),
                cmocka_unit_test(test_another_wish_is_no_report),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
