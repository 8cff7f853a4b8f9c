/* The refresh machine towards callers: its answers, and the limits of their wishes and an operator's.
 */
#include "tests/unit/refresh_wishes.h"

static void test_no_key(void **state)
{
        struct refresh refresh;
        refresh_init(&refresh);
        assert_int_equal(demand(&refresh, 0, START), REFRESH_NO_KEY);
        assert_int_equal(operate(&refresh, START), REFRESH_NO_KEY);
        assert_int_equal(report(&refresh, 0, START), REFRESH_NOT_CURRENT);
}

/* For 10 s the token outlives its key file. */
static void test_token_without_a_key(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 60 * SEC;
        (void)refresh_on_keys(&refresh, NULL, 0, now);
        assert_int_equal(demand(&refresh, 60, now), REFRESH_SATISFIED);
        assert_int_equal(demand(&refresh, 7190, now), REFRESH_NO_KEY);
        assert_int_equal(report(&refresh, 1, now), REFRESH_NO_KEY);
        assert_int_equal(operate(&refresh, now), REFRESH_NO_KEY);
}

/* ---- callers ---- */

static void test_demand(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 1000 * SEC; /* 6200 s are left */
        assert_int_equal(demand(&refresh, 0, now), REFRESH_SATISFIED);
        assert_int_equal(demand(&refresh, 6200, now), REFRESH_SATISFIED);
        assert_int_equal(demand(&refresh, 7200, now), REFRESH_UNATTAINABLE);
        assert_int_equal(demand(&refresh, UINT32_MAX, now), REFRESH_UNATTAINABLE);
        assert_false(step.exchange);
        assert_int_equal(demand(&refresh, 6201, now), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_DEMANDED);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_DEMAND);
        assert_int_equal(demand(&refresh, 6201, now + 1), REFRESH_UNDER_WAY);
        assert_false(step.exchange); /* one for all */
        /* It fails: the retry is what callers wait for, they cause none. */
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now + 2);
        assert_int_equal(refresh_on_timer(&refresh, now + SEC).reason, REFRESH_RETRY);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now + SEC);
        assert_int_equal(demand(&refresh, 6201, now + 5 * SEC / 2), REFRESH_UNDER_WAY);
        assert_false(step.exchange); /* in half a second */
}

/* Once more is asked for, what the token in hand had is no reason to refuse anybody. */
static void test_another_lifetime(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 10 * SEC;
        assert_int_equal(demand(&refresh, 9000, now), REFRESH_UNATTAINABLE);
        refresh_on_lifetime(&refresh);
        assert_int_equal(demand(&refresh, 9000, now), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        (void)granted(&refresh, 10000, 2, now + SEC, MIDDLE);
        assert_int_equal(demand(&refresh, 9000, now + SEC), REFRESH_SATISFIED);
        assert_int_equal(demand(&refresh, 10000, now + SEC), REFRESH_UNATTAINABLE);
}

static void test_report(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 100 * SEC;
        assert_int_equal(report(&refresh, 0, now), REFRESH_NOT_CURRENT);
        assert_int_equal(report(&refresh, 9, now), REFRESH_NOT_CURRENT);
        assert_false(step.exchange);
        assert_int_equal(report(&refresh, 1, now), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_REPORTED);
        assert_int_equal(report(&refresh, 1, now), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        (void)granted(&refresh, 7200, 2, now + SEC, MIDDLE);
        assert_int_equal(report(&refresh, 1, now + SEC), REFRESH_NOT_CURRENT);
}

static void test_reports_of_new_tokens_keep_a_distance(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 100 * SEC;
        (void)report(&refresh, 1, now);
        (void)granted(&refresh, 7200, 2, now + SEC, MIDDLE);
        assert_too_soon(report(&refresh, 2, now + 10 * SEC - 1), REFRESH_LIMIT_GAP, now + 10 * SEC);
        assert_int_equal(report(&refresh, 2, now + 10 * SEC), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

/* It is answered by that one's outcome: neither the distance nor the share counts, as it costs nothing. */
static void test_report_while_an_exchange_is_under_way(void **state)
{
        struct refresh refresh = with_token(1), failed;
        uint64_t now = START + 20 * SEC, serial = 1;
        for (unsigned i = 0; i < REFRESH_WISH_SHARE; i++, now += 20 * SEC) {
                assert_int_equal(report(&refresh, serial, now), REFRESH_UNDER_WAY);
                (void)granted(&refresh, 7200, ++serial, now, MIDDLE);
        }
        assert_int_equal(demand(&refresh, 7198, now), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        assert_int_equal(report(&refresh, serial, now), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        failed = refresh;
        (void)granted(&refresh, 7200, ++serial, now, MIDDLE);
        assert_int_equal(asks(&refresh, now + SEC), 0); /* there was none for the report */
        assert_int_equal(report(&refresh, serial - 1, now + SEC), REFRESH_NOT_CURRENT);
        assert_int_equal(demand(&refresh, 7199, now + 5 * SEC), REFRESH_UNDER_WAY);
        assert_int_equal(report(&refresh, serial, now + 5 * SEC), REFRESH_UNDER_WAY);

        (void)ended(&failed, EXCHANGE_UNAVAILABLE, now);
        assert_false(refresh_token_good(&failed, now));
        assert_int_equal(report(&failed, serial - 1, now), REFRESH_UNDER_WAY); /* in a second */
        assert_int_equal(refresh_on_timer(&failed, now + SEC).reason, REFRESH_RETRY);
}

/* Its failure is tried again like any other: that is told, with the true time. */
static void test_report_whose_refresh_fails(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 100 * SEC;
        (void)report(&refresh, 1, now);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_int_equal(report(&refresh, 1, now), REFRESH_UNDER_WAY); /* in a second */
        for (unsigned wait = 1; wait < 8; wait *= 2) {
                now += wait * SEC;
                assert_fails(&refresh, now, 1, EXCHANGE_UNAVAILABLE);
        }
        assert_too_soon(report(&refresh, 1, now), REFRESH_LIMIT_RETRY, now + 8 * SEC);
        assert_int_equal(report(&refresh, 1, now + 7 * SEC), REFRESH_UNDER_WAY);
        assert_int_equal(asks(&refresh, now + 8 * SEC), 1);
        assert_int_equal(report(&refresh, 1, now + 8 * SEC), REFRESH_UNDER_WAY);
}

static void test_first_report_in_a_trouble(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = refresh.refresh_point_usec;
        assert_int_equal(asks(&refresh, now), 1);
        assert_int_equal(throttled(&refresh, 400, now).wake_usec, now + 500 * SEC);
        assert_too_soon(report(&refresh, 1, now + SEC), REFRESH_LIMIT_RETRY, now + 500 * SEC);
}

/* The exchange of a report is held up by something else than failures. */
static void test_report_that_waits(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 100 * SEC;
        (void)report(&refresh, 1, now);
        (void)refresh_on_held(&refresh, /* key= */ false, now + 60 * SEC, now);
        assert_int_equal(refresh_next_usec(&refresh), now + 60 * SEC);
        assert_too_soon(report(&refresh, 1, now + 30 * SEC), REFRESH_LIMIT_RETRY, now + 60 * SEC);
        struct refresh_step later = refresh_on_timer(&refresh, now + 60 * SEC);
        assert_true(later.exchange);
        assert_int_equal(later.reason, REFRESH_REPORTED); /* it is not forgotten */
}

/* ---- a wish has an exchange of its own ---- */

static void test_wish_outlives_a_trial_that_fails(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t now = START + 30 * SEC;
        assert_int_equal(asks(&refresh, now), 2);
        assert_int_equal(report(&refresh, 1, now), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        struct refresh_step next = refresh_on_timer(&refresh, now + SEC);
        assert_int_equal(next.key_serial, 1);
        assert_int_equal(next.reason, REFRESH_REPORTED);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_REPORT);
}

static void test_any_grant_will_do_for_a_wish(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t now = START + 30 * SEC;
        assert_int_equal(asks(&refresh, now), 2);
        (void)report(&refresh, 1, now);
        assert_true(granted(&refresh, 7200, 2, now, MIDDLE).adopted);
        assert_int_equal(refresh_on_timer(&refresh, now + SEC).wake_usec, refresh.refresh_point_usec);
}

static void test_needs_failure_answers_a_wish(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = refresh.refresh_point_usec;
        assert_int_equal(asks(&refresh, now), 1);
        assert_int_equal(report(&refresh, 1, now), REFRESH_UNDER_WAY);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_int_equal(refresh_on_timer(&refresh, now + SEC).reason, REFRESH_RETRY);
}

static void test_wishs_failure_is_needs_trouble(void **state)
{
        struct refresh refresh = with_life(good_files(), 2, 7200);
        uint64_t now = START + 100 * SEC;
        (void)report(&refresh, 1, now);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        struct refresh_step next = refresh_on_timer(&refresh, now + SEC);
        assert_int_equal(next.key_serial, 2);
        assert_int_equal(next.reason, REFRESH_COMPARED);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

static void test_wish_whose_key_goes_in_flight(void **state)
{
        struct key_files files = good_files();
        struct refresh refresh = with_life(files, 2, 7200);
        uint64_t now = START + 100 * SEC;
        (void)report(&refresh, 1, now);
        assert_int_equal(refresh.in_flight_key, 1);
        assert_true(refresh_on_keys(&refresh, &files.names[1], 1, now + 1).cancel);
        struct refresh_step next = refresh_on_timer(&refresh, now + SEC);
        assert_int_equal(next.key_serial, 2);
        assert_int_equal(next.reason, REFRESH_RETRY);
}

/* ---- limits ---- */

static void test_each_has_a_share_of_its_own(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t first = START + 20 * SEC, now = first, serial = 1;
        for (unsigned i = 0; i < REFRESH_WISH_SHARE; i++, now += 20 * SEC) {
                assert_int_equal(report(&refresh, serial, now), REFRESH_UNDER_WAY);
                (void)granted(&refresh, 7200, ++serial, now, MIDDLE);
                assert_int_equal(demand(&refresh, 7198, now + 5 * SEC), REFRESH_UNDER_WAY);
                (void)granted(&refresh, 7200, ++serial, now + 5 * SEC, MIDDLE);
                assert_int_equal(operate(&refresh, now + 10 * SEC), REFRESH_UNDER_WAY);
                (void)granted(&refresh, 7200, ++serial, now + 10 * SEC, MIDDLE);
        }
        first += USEC_PER_HOUR;
        assert_int_equal(refresh_sent_last_hour(&refresh, now), 1 + 3 * REFRESH_WISH_SHARE);
        assert_too_soon(report(&refresh, serial, now), REFRESH_LIMIT_SHARE, first);
        assert_too_soon(demand(&refresh, 7198, now), REFRESH_LIMIT_SHARE, first + 5 * SEC);
        assert_too_soon(operate(&refresh, now), REFRESH_LIMIT_SHARE, first + 10 * SEC);

        enum refresh_limit limit;
        assert_int_equal(refresh_limited_until(&refresh, REFRESH_SHARE_REPORT, &limit), first);
        assert_int_equal(limit, REFRESH_LIMIT_SHARE);
        assert_int_equal(refresh_limited_until(&refresh, REFRESH_SHARE_DEMAND, NULL), first + 5 * SEC);
        assert_true(refresh_limited_until(&refresh, REFRESH_SHARE_NEED, NULL) <= now);
        assert_true(refresh_limited_until(&refresh, REFRESH_SHARE_TRIAL, NULL) <= now);
        assert_int_equal(report(&refresh, serial, first), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

static void test_need_has_a_budget(void **state)
{
        struct refresh refresh = begin(1);
        uint64_t now = START;
        for (unsigned i = 1; i < REFRESH_NEED_SHARE; i++) {
                refresh.n_failures = 0; /* so that waits stay short */
                struct refresh_outcome told = { .outcome = EXCHANGE_UNAVAILABLE,
                                                .retry_after_sec = RETRY_AFTER_NONE };
                now = refresh_on_outcome(&refresh, &told, now, 0).wake_usec;
                assert_int_equal(asks(&refresh, now), 1);
        }
        struct refresh_step next = ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_int_equal(next.wake_usec, START + USEC_PER_HOUR);
        enum refresh_limit limit;
        assert_int_equal(refresh_limited_until(&refresh, REFRESH_SHARE_NEED, &limit), START + USEC_PER_HOUR);
        assert_int_equal(limit, REFRESH_LIMIT_BUDGET);
        assert_int_equal(operate(&refresh, now + 2 * SEC), REFRESH_UNDER_WAY);
        assert_true(step.exchange); /* an operator has a share of its own */
}

static void test_retry_after_binds_all(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t now = START + 30 * SEC, until = now + 500 * SEC;
        assert_int_equal(asks(&refresh, now), 2);
        (void)throttled(&refresh, 400, now); /* a trial's failure, so there is no trouble */
        assert_too_soon(report(&refresh, 1, now), REFRESH_LIMIT_RETRY_AFTER, until);
        assert_too_soon(demand(&refresh, 7198, now), REFRESH_LIMIT_RETRY_AFTER, until);
        assert_too_soon(operate(&refresh, now), REFRESH_LIMIT_RETRY_AFTER, until);
        for (int share = 0; share < _REFRESH_SHARE_COUNT; share++) {
                enum refresh_limit limit;
                assert_int_equal(refresh_limited_until(&refresh, (enum refresh_share)share, &limit), until);
                assert_int_equal(limit, REFRESH_LIMIT_RETRY_AFTER);
        }
        assert_int_equal(operate(&refresh, until), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

static void test_keys_that_are_held_bind_all(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START + 60 * SEC, until = now + 60 * SEC;
        (void)operate(&refresh, now);
        (void)refresh_on_held(&refresh, /* key= */ true, until, now);
        assert_too_soon(report(&refresh, 1, now), REFRESH_LIMIT_KEYS, until);
        assert_too_soon(demand(&refresh, 7198, now), REFRESH_LIMIT_KEYS, until);
        assert_too_soon(operate(&refresh, now), REFRESH_LIMIT_KEYS, until);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_key),
                cmocka_unit_test(test_token_without_a_key),
                cmocka_unit_test(test_demand),
                cmocka_unit_test(test_another_lifetime),
                cmocka_unit_test(test_report),
                cmocka_unit_test(test_reports_of_new_tokens_keep_a_distance),
                cmocka_unit_test(test_report_while_an_exchange_is_under_way),
                cmocka_unit_test(test_report_whose_refresh_fails),
                cmocka_unit_test(test_first_report_in_a_trouble),
                cmocka_unit_test(test_report_that_waits),
                cmocka_unit_test(test_wish_outlives_a_trial_that_fails),
                cmocka_unit_test(test_any_grant_will_do_for_a_wish),
                cmocka_unit_test(test_needs_failure_answers_a_wish),
                cmocka_unit_test(test_wishs_failure_is_needs_trouble),
                cmocka_unit_test(test_wish_whose_key_goes_in_flight),
                cmocka_unit_test(test_each_has_a_share_of_its_own),
                cmocka_unit_test(test_need_has_a_budget),
                cmocka_unit_test(test_retry_after_binds_all),
                cmocka_unit_test(test_keys_that_are_held_bind_all),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
