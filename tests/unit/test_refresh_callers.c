/* The refresh machine towards callers and operators: what they are told, and what limits them. */
#include "tests/unit/refresh_story.h"

/* ---- callers ---- */

static void test_demand(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = START + 1000 * SEC; /* 6200 s are left */
        assert_int_equal(refresh_on_demand(&refresh, 0, now, &step), REFRESH_SATISFIED);
        assert_int_equal(refresh_on_demand(&refresh, 6200, now, &step), REFRESH_SATISFIED);
        assert_int_equal(refresh_on_demand(&refresh, 7200, now, &step), REFRESH_UNATTAINABLE);
        assert_int_equal(refresh_on_demand(&refresh, UINT32_MAX, now, &step), REFRESH_UNATTAINABLE);
        assert_false(step.exchange);
        assert_int_equal(refresh_on_demand(&refresh, 6201, now, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_DEMANDED);
        assert_int_equal(refresh_on_demand(&refresh, 6201, now + 1, &step), REFRESH_UNDER_WAY);
        assert_false(step.exchange); /* one for all */
        /* It fails: the ordinary schedule's retry is what callers wait for, they cause none. */
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now + 2);
        assert_int_equal(refresh_on_demand(&refresh, 6201, now + SEC / 2, &step), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
}

static void test_report(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = START + 100 * SEC;
        assert_int_equal(refresh_on_report(&refresh, 0, now, &step), REFRESH_NOT_CURRENT);
        assert_int_equal(refresh_on_report(&refresh, 9, now, &step), REFRESH_NOT_CURRENT);
        assert_false(step.exchange);
        assert_int_equal(refresh_on_report(&refresh, 1, now, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        assert_int_equal(refresh_on_report(&refresh, 1, now, &step), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        (void)granted(&refresh, 7200, 2, now + SEC, MIDDLE);
        assert_int_equal(refresh_on_report(&refresh, 1, now + SEC, &step), REFRESH_NOT_CURRENT);
        /* The new one is reported too: not within 10 s of the last report. */
        assert_int_equal(refresh_on_report(&refresh, 2, now + 10 * SEC - 1, &step), REFRESH_TOO_SOON);
        assert_int_equal(refresh_on_report(&refresh, 2, now + 10 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now + 11 * SEC);
        assert_int_equal(refresh_on_report(&refresh, 2, now + 30 * SEC, &step), REFRESH_ALREADY);
}

static void test_report_with_all_keys_resting(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = refresh.refresh_point_usec;
        (void)refresh_on_timer(&refresh, now);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        assert_int_equal(refresh_on_report(&refresh, 1, now + SEC, &step), REFRESH_NO_KEY);
}

static void test_callers_have_a_share_of_the_budget(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = START;
        unsigned n = 1;
        for (; n <= REFRESH_HOURLY_BUDGET; n++) {
                now += 11 * SEC;
                if (refresh_on_report(&refresh, n, now, &step) != REFRESH_UNDER_WAY) {
                        break;
                }
                (void)granted(&refresh, 7200, n + 1, now, MIDDLE);
        }
        assert_int_equal(n, REFRESH_CALLER_BUDGET + 1);
        assert_int_equal(refresh_sent_last_hour(&refresh, now), 1 + REFRESH_CALLER_BUDGET);
        assert_int_equal(refresh_on_report(&refresh, n, now, &step), REFRESH_TOO_SOON);
        assert_int_equal(refresh_on_demand(&refresh, 7199, now + 2 * SEC, &step), REFRESH_TOO_SOON);
        assert_int_equal(refresh_on_demand(&refresh, 7199, START + 11 * SEC + USEC_PER_HOUR, &step),
                         REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

/* ---- limits ---- */

static void test_budget_binds_operators_too(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = START;
        for (unsigned n = 1; n < REFRESH_HOURLY_BUDGET; n++) {
                now += SEC;
                assert_int_equal(refresh_on_operator(&refresh, now, &step), REFRESH_UNDER_WAY);
                assert_true(step.exchange);
                (void)granted(&refresh, 60, n + 1, now, MIDDLE);
        }
        enum refresh_limit limit;
        assert_int_equal(refresh_on_operator(&refresh, now + SEC, &step), REFRESH_TOO_SOON);
        assert_int_equal(refresh_limited_until(&refresh, &limit), START + USEC_PER_HOUR);
        assert_int_equal(limit, REFRESH_LIMIT_BUDGET);
        assert_int_equal(refresh_sent_last_hour(&refresh, now), REFRESH_HOURLY_BUDGET);
        step = refresh_on_timer(&refresh, now + 61 * SEC); /* the token of 60 s is gone */
        assert_true(step.expired);
        assert_int_equal(step.limit, REFRESH_LIMIT_BUDGET);
        assert_int_equal(step.wake_usec, START + USEC_PER_HOUR);
        assert_true(refresh_on_timer(&refresh, step.wake_usec).exchange);
}

static void test_limit_is_told_before_it_bites(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = START;
        for (unsigned n = 1; n < REFRESH_HOURLY_BUDGET; n++) {
                now += SEC;
                (void)refresh_on_operator(&refresh, now, &step);
                step = granted(&refresh, 600, n + 1, now, MIDDLE);
                /* Due in 6 to 7 min; only after the last one is that against the budget. */
                assert_int_equal(step.limit,
                                 n + 1 < REFRESH_HOURLY_BUDGET ? REFRESH_UNLIMITED : REFRESH_LIMIT_BUDGET);
        }
}

static void test_operator_waits_for_the_floor_only(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        (void)refresh_on_operator(&refresh, START + 5 * SEC, &step);
        assert_int_equal(refresh_on_operator(&refresh, START + 5 * SEC, &step), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        (void)granted(&refresh, 7200, 2, START + 5 * SEC + 1, MIDDLE);
        assert_int_equal(refresh_on_operator(&refresh, START + 5 * SEC + 2, &step), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_FLOOR);
        assert_int_equal(step.wake_usec, START + 6 * SEC);
        assert_true(refresh_on_timer(&refresh, step.wake_usec).exchange);
}

/* Once more is asked for, what the token in hand had is no reason to refuse anybody. */
static void test_another_lifetime(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t now = START + 10 * SEC;
        assert_int_equal(refresh_on_demand(&refresh, 9000, now, &step), REFRESH_UNATTAINABLE);
        refresh_on_lifetime(&refresh);
        assert_int_equal(refresh_on_demand(&refresh, 9000, now, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        (void)granted(&refresh, 10000, 2, now + SEC, MIDDLE);
        assert_int_equal(refresh_on_demand(&refresh, 9000, now + SEC, &step), REFRESH_SATISFIED);
        assert_int_equal(refresh_on_demand(&refresh, 10000, now + SEC, &step), REFRESH_UNATTAINABLE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_demand),
                cmocka_unit_test(test_report),
                cmocka_unit_test(test_report_with_all_keys_resting),
                cmocka_unit_test(test_callers_have_a_share_of_the_budget),
                cmocka_unit_test(test_budget_binds_operators_too),
                cmocka_unit_test(test_limit_is_told_before_it_bites),
                cmocka_unit_test(test_operator_waits_for_the_floor_only),
                cmocka_unit_test(test_another_lifetime),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
