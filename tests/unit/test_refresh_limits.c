/* The refresh machine and waits that others wish or bear: the last chance before a token ends, Retry-After,
 * keys and base URLs that are held elsewhere, what costs nothing. */
#include "tests/unit/refresh_story.h"

/* ---- the last chance ---- */

/* Fails whatever is tried up to then; returns the first wake after it. */
static uint64_t fail_until(struct refresh *refresh, uint64_t until)
{
        struct refresh_step step = refresh_on_timer(refresh, START + SEC);
        while (step.wake_usec < until) {
                uint64_t now = step.wake_usec;
                step = refresh_on_timer(refresh, now);
                step = step.exchange ? ended(refresh, EXCHANGE_UNAVAILABLE, now) : step;
        }
        return step.wake_usec;
}

static void test_last_chance(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 600);
        uint64_t chance = fail_until(&refresh, START + 540 * SEC); /* by itself: after the expiry */
        assert_in_range(chance, START + 540 * SEC, START + 546 * SEC);
        assert_int_equal(refresh_next_usec(&refresh), chance);
        assert_int_equal(asks(&refresh, chance), 1);
        /* Once. */
        assert_int_equal(ended(&refresh, EXCHANGE_UNAVAILABLE, chance).wake_usec, refresh.expires_usec);
        assert_int_equal(asks(&refresh, chance + 10 * SEC), 0);
}

static void test_no_last_chance_in_shorter_lives(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 599);
        assert_int_equal(fail_until(&refresh, START + 540 * SEC), START + 599 * SEC);
        assert_true(refresh_last_chance_usec(599 * SEC, 599 * SEC) == USEC_NEVER);
        assert_int_equal(refresh_last_chance_usec(600 * SEC, 600 * SEC), 540 * SEC);
}

static void test_last_chance_asks_every_key(void **state)
{
        struct refresh refresh = with_life(key_files(KEY_GOOD, KEY_REFUSED, KEY_GOOD), 3, 600);
        uint64_t chance = fail_until(&refresh, START + 540 * SEC);
        assert_fails(&refresh, chance, 1, EXCHANGE_UNAVAILABLE);           /* it got the token */
        assert_fails(&refresh, chance + SEC, 3, EXCHANGE_REQUEST_REFUSED); /* no other round for that */
        assert_fails(&refresh, chance + 2 * SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_int_equal(asks(&refresh, chance + 3 * SEC), 0);
}

/* Suspend, or a clock that is looked at late: it is the refresh itself then. */
static void test_last_chance_that_is_the_first(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 600);
        struct refresh_step step = refresh_on_timer(&refresh, START + 550 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_DUE);
}

/* The budget of need is used up when it comes; an operator's exchange is not in its stead. */
static void test_last_chance_is_need(void **state)
{
        struct refresh refresh = with_life(good_files(), 2, 7200);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t chance = refresh.last_chance_usec;
        for (unsigned i = 0; i < REFRESH_NEED_SHARE; i++) {
                refresh_budget_take(&refresh.budget, REFRESH_SHARE_NEED,
                                    chance - USEC_PER_HOUR + (100 + i) * SEC);
        }
        step = refresh_on_timer(&refresh, chance);
        assert_int_equal(step.limit, REFRESH_LIMIT_BUDGET);
        assert_int_equal(step.wake_usec, chance + 100 * SEC);
        (void)refresh_on_operator(&refresh, false, chance + SEC, &step, &obstacle);
        assert_int_equal(step.reason, REFRESH_OPERATOR);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, chance + SEC);
        chance += 100 * SEC;
        assert_fails(&refresh, chance, 2,
                     EXCHANGE_UNAVAILABLE); /* the operator's exchange asked the other */
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

static void test_last_chance_is_still_to_come_when_held(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 600);
        uint64_t chance = fail_until(&refresh, START + 540 * SEC);
        assert_int_equal(asks(&refresh, chance), 1);
        struct refresh_step step = refresh_on_held(&refresh, /* key= */ false, chance + 20 * SEC, chance);
        assert_int_equal(step.wake_usec, chance + 20 * SEC);
        assert_int_equal(asks(&refresh, chance + 20 * SEC), 1); /* long before the retry's time */
        (void)refresh_on_held(&refresh, /* key= */ true, chance + 40 * SEC, chance + 20 * SEC);
        assert_int_equal(asks(&refresh, chance + 39 * SEC), 0);
        assert_int_equal(asks(&refresh, chance + 40 * SEC), 1);
}

static void test_last_chance_that_was_served_stays_served(void **state)
{
        struct refresh refresh = with_life(good_files(), 2, 7200);
        uint64_t chance = refresh.last_chance_usec;
        assert_fails(&refresh, chance, 1, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, chance + SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_int_equal(asks(&refresh, chance + 3 * SEC), 1); /* a retry */
        (void)refresh_on_held(&refresh, /* key= */ false, chance + 20 * SEC, chance + 3 * SEC);
        assert_true(asks(&refresh, chance + 20 * SEC) > 0);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, chance + 20 * SEC);
        assert_int_equal(asks(&refresh, chance + 21 * SEC), 0);
}

static void test_hold_wins_over_the_last_chance(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 600);
        uint64_t now = refresh.refresh_point_usec;
        assert_int_equal(asks(&refresh, now), 1);
        assert_int_equal(throttled(&refresh, 600, now).wake_usec, refresh.expires_usec);
        struct refresh_step step = refresh_on_timer(&refresh, START + 550 * SEC);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_RETRY_AFTER);
}

/* ---- Retry-After, and what is held elsewhere ---- */

static void test_retry_after(void **state)
{
        static const struct {
                uint32_t told, waits; /* with all the spread there can be */
        } cases[] = { { 0, 1 }, { 40, 50 }, { 3600, 3700 }, { 3601, 3700 }, { UINT32_MAX - 1, 3700 } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct refresh refresh = begin(2); /* for the base URL: the spare waits as well */
                struct refresh_step step = throttled(&refresh, cases[i].told, START);
                assert_int_equal(step.wake_usec, START + cases[i].waits * SEC);
                assert_true(refresh_on_timer(&refresh, step.wake_usec).exchange);
        }
        struct refresh refresh = begin(1);
        assert_int_equal(throttled(&refresh, RETRY_AFTER_NONE, START).wake_usec, START + 16 * SEC);
}

static void test_retry_after_for_a_key_alone(void **state)
{
        const struct refresh_outcome told = { .outcome = EXCHANGE_REQUEST_REFUSED,
                                              .retry_after_sec = 400,
                                              .retry_after_for_key = true };
        struct refresh refresh = begin(2);
        (void)refresh_on_outcome(&refresh, &told, START, UINT32_MAX);
        assert_fails(&refresh, START + SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, START + 10 * SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, START + 500 * SEC, 1, EXCHANGE_UNAVAILABLE); /* 400 s and a quarter */

        refresh = begin(1);
        struct refresh_step step = refresh_on_outcome(&refresh, &told, START, UINT32_MAX);
        assert_int_equal(step.limit, REFRESH_LIMIT_KEYS);
        assert_int_equal(step.wake_usec, START + 500 * SEC);
        assert_int_equal(refresh_next_usec(&refresh), START + 500 * SEC);
}

static void test_held_key_costs_nothing_but_the_floor(void **state)
{
        struct refresh refresh = begin(2);
        struct refresh_step step = refresh_on_held(&refresh, /* key= */ true, START + 60 * SEC, START);
        assert_false(step.exchange);
        assert_int_equal(step.wake_usec, START + SEC);
        assert_int_equal(refresh_sent_last_hour(&refresh, START), 0);
        assert_int_equal(asks(&refresh, START + SEC), 2);
}

static void test_held_base_url_holds_every_key(void **state)
{
        struct refresh refresh = begin(2);
        struct refresh_step step = refresh_on_held(&refresh, /* key= */ false, START + 60 * SEC, START);
        assert_int_equal(step.limit, REFRESH_LIMIT_RETRY_AFTER);
        assert_int_equal(step.wake_usec, START + 60 * SEC);
        assert_int_equal(refresh.n_failures, 0);
        assert_int_equal(asks(&refresh, START + 60 * SEC), 1);
}

/* A comparison is not done with a key that was held back after all. */
static void test_held_in_a_round(void **state)
{
        struct refresh refresh = begin_with(good_files(), 3);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, START);
        assert_int_equal(asks(&refresh, START + SEC), 2);
        (void)refresh_on_held(&refresh, /* key= */ false, START + 60 * SEC, START + SEC);
        assert_fails(&refresh, START + 60 * SEC, 2, EXCHANGE_REQUEST_REFUSED);
        assert_int_equal(asks(&refresh, START + 61 * SEC), 3);
        assert_int_equal(refresh.in_flight_reason, REFRESH_COMPARED);
}

static void test_unsent_costs_nothing_but_the_floor(void **state)
{
        const struct refresh_outcome unsent = { .outcome = EXCHANGE_UNAVAILABLE,
                                                .retry_after_sec = RETRY_AFTER_NONE,
                                                .unsent = true };
        struct refresh refresh = begin(1);
        struct refresh_step step = refresh_on_outcome(&refresh, &unsent, START, 0); /* half a second */
        assert_int_equal(refresh_sent_last_hour(&refresh, START), 0);
        assert_int_equal(step.wake_usec, START + SEC);
        assert_int_equal(asks(&refresh, START + SEC), 1);
        step = refresh_on_outcome(&refresh, &unsent, START + SEC, UINT32_MAX);
        assert_int_equal(step.wake_usec, START + 3 * SEC); /* backs off by itself */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_last_chance),
                cmocka_unit_test(test_no_last_chance_in_shorter_lives),
                cmocka_unit_test(test_last_chance_asks_every_key),
                cmocka_unit_test(test_last_chance_that_is_the_first),
                cmocka_unit_test(test_last_chance_is_need),
                cmocka_unit_test(test_last_chance_is_still_to_come_when_held),
                cmocka_unit_test(test_last_chance_that_was_served_stays_served),
                cmocka_unit_test(test_hold_wins_over_the_last_chance),
                cmocka_unit_test(test_retry_after),
                cmocka_unit_test(test_retry_after_for_a_key_alone),
                cmocka_unit_test(test_held_key_costs_nothing_but_the_floor),
                cmocka_unit_test(test_held_base_url_holds_every_key),
                cmocka_unit_test(test_held_in_a_round),
                cmocka_unit_test(test_unsent_costs_nothing_but_the_floor),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
