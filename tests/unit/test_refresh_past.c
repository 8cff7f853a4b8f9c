/* What a refresh machine leaves to the next one, told as short stories. */
#include "lib/refresh_past.h"
#include "tests/unit/refresh_story.h"

static const struct key_name main_key = { 1, false, "1-main" };

/* A machine that takes over from this one, with its token if it has one. */
static struct refresh successor(const struct refresh *refresh, const struct key_name *key)
{
        struct refresh next;
        struct refresh_past past;
        struct refresh_token token = { 0 };

        refresh_leave(refresh, &past, &token);
        refresh_init(&next);
        refresh_restore(&next, &past, refresh->has_token ? &token : NULL, 1, key);
        return next;
}

static void test_token_goes_on_without_an_exchange(void **state)
{
        struct refresh before = with_token(1), after = successor(&before, &main_key);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 10 * SEC);
        assert_false(step.exchange);
        assert_true(after.has_token);
        assert_true(step.wake_usec == before.refresh_point_usec);
        assert_true(after.expires_usec == before.expires_usec);
        assert_int_equal(after.attainable_sec, before.attainable_sec);
}

static void test_refresh_point_that_has_passed_is_due(void **state)
{
        struct refresh before = with_token(1), after = successor(&before, &main_key);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 6000 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_DUE);
        assert_true(after.has_token);
}

static void test_changed_key_is_tried_before_the_old_one_goes(void **state)
{
        static const struct key_name changed = { 7, false, "1-main" };
        struct refresh before = with_token(1), after = successor(&before, &main_key);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 10 * SEC);
        assert_false(step.exchange);
        step = refresh_on_keys(&after, &changed, 1, START + 20 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        assert_int_equal(step.key_serial, 7);
        assert_non_null(keyring_find(&after.keyring, 1));
}

static void test_without_a_token_the_floor_holds(void **state)
{
        struct refresh before = begin(1), after = successor(&before, NULL);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + SEC / 2);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_FLOOR);
        assert_true(step.wake_usec == START + SEC);
        assert_true(refresh_on_timer(&after, START + SEC).exchange);
}

static void test_budget_counts_on(void **state)
{
        struct refresh before = with_token(1), after;
        struct refresh_step step;
        uint64_t now = START + 2 * SEC;

        while (refresh_sent_last_hour(&before, now) < REFRESH_HOURLY_BUDGET) {
                assert_int_equal(refresh_on_operator(&before, now, &step), REFRESH_UNDER_WAY);
                assert_true(step.exchange);
                (void)granted(&before, 7200, 2, now, MIDDLE);
                now += SEC;
        }
        after = successor(&before, &main_key);
        assert_int_equal(refresh_sent_last_hour(&after, now), REFRESH_HOURLY_BUDGET);
        (void)refresh_on_keys(&after, &main_key, 1, now);
        assert_int_equal(refresh_on_operator(&after, now, &step), REFRESH_TOO_SOON);
        /* The oldest leaves the hour. */
        assert_int_equal(refresh_on_operator(&after, START + 3600 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

static void test_ring_that_went_round_keeps_its_order(void **state)
{
        struct refresh before = with_token(1), after, again;
        struct refresh_past first, second;
        struct refresh_token token;
        struct refresh_step step;

        for (uint64_t i = 1; i <= REFRESH_HOURLY_BUDGET + 7; i++) {
                (void)refresh_on_operator(&before, START + i * 100 * SEC, &step);
                assert_true(step.exchange);
                (void)granted(&before, 7200, i, START + i * 100 * SEC, MIDDLE);
        }
        after = successor(&before, &main_key);
        again = successor(&after, &main_key);
        refresh_leave(&before, &first, &token);
        refresh_leave(&again, &second, &token);
        assert_int_equal(first.n_sent, REFRESH_HOURLY_BUDGET);
        assert_true(first.sent_usec[0] == START + 800 * SEC);
        assert_memory_equal(&first, &second, sizeof(first));
}

static void test_reported_token_stays_reported(void **state)
{
        struct refresh before = with_token(1);
        struct refresh_step step;
        uint64_t now = START + 60 * SEC;

        assert_int_equal(refresh_on_report(&before, 1, now, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        struct refresh after = successor(&before, &main_key);
        (void)refresh_on_keys(&after, &main_key, 1, now + 60 * SEC);
        assert_int_equal(refresh_on_report(&after, 1, now + 60 * SEC, &step), REFRESH_ALREADY);
        assert_int_equal(after.n_caused, 1);
}

static void test_upstreams_wish_stands(void **state)
{
        struct refresh before = begin(1);
        (void)throttled(&before, 600, START + SEC);
        struct refresh after = successor(&before, NULL);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 2 * SEC);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_RETRY_AFTER);
        assert_true(step.wake_usec >= START + 601 * SEC);
}

static void test_another_upstream_is_no_way_round_the_limits(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;

        assert_int_equal(refresh_on_report(&refresh, 1, START + 60 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        refresh_move(&refresh);
        assert_false(refresh.has_token || refresh.in_flight);
        assert_int_equal(refresh_sent_last_hour(&refresh, START + 60 * SEC), 2);
        assert_int_equal(refresh.n_caused, 1);
        step = refresh_on_keys(&refresh, &main_key, 1, START + 60 * SEC + SEC / 2);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_FLOOR);
        assert_true(refresh_on_timer(&refresh, START + 61 * SEC).exchange);
}

static void test_another_upstream_has_wishes_of_its_own(void **state)
{
        struct refresh refresh = begin(1);
        (void)throttled(&refresh, 600, START + SEC);
        refresh_move(&refresh);
        assert_true(refresh_on_keys(&refresh, &main_key, 1, START + 2 * SEC).exchange);
}

static void test_times_to_come_are_impossible(void **state)
{
        struct refresh_past past = { .sent_usec = { START }, .n_sent = 1 };
        assert_true(refresh_past_possible(&past, START));
        assert_false(refresh_past_possible(&past, START - 1));
        past.reported_usec = START + 1;
        assert_false(refresh_past_possible(&past, START));
        past.reported_usec = 0;
        past.retry_after_usec = START + RETRY_AFTER_MAX_SEC * SEC + RETRY_AFTER_SPREAD_USEC;
        assert_true(refresh_past_possible(&past, START));
        past.retry_after_usec++;
        assert_false(refresh_past_possible(&past, START));
        past = (struct refresh_past){ .caused_usec = { 1, START + 1 }, .n_caused = 2 };
        assert_false(refresh_past_possible(&past, START));
        past = (struct refresh_past){ 0 };
        assert_true(refresh_past_possible(&past, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_token_goes_on_without_an_exchange),
                cmocka_unit_test(test_refresh_point_that_has_passed_is_due),
                cmocka_unit_test(test_changed_key_is_tried_before_the_old_one_goes),
                cmocka_unit_test(test_without_a_token_the_floor_holds),
                cmocka_unit_test(test_budget_counts_on),
                cmocka_unit_test(test_ring_that_went_round_keeps_its_order),
                cmocka_unit_test(test_reported_token_stays_reported),
                cmocka_unit_test(test_upstreams_wish_stands),
                cmocka_unit_test(test_another_upstream_is_no_way_round_the_limits),
                cmocka_unit_test(test_another_upstream_has_wishes_of_its_own),
                cmocka_unit_test(test_times_to_come_are_impossible),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
