/* The refresh machine in trouble: no chance is left out. */
#include "tests/unit/refresh_story.h"

/* Need was held until the last tenth: the last chance's first failure is not its end. */
static void test_last_chance_asks_each_key(void **state)
{
        struct refresh refresh = with_life(good_files(), 3, 7200);
        uint64_t chance = refresh.last_chance_usec;
        refresh.retry_after_usec = chance;
        struct refresh_step step = refresh_on_timer(&refresh, chance);
        assert_int_equal(step.reason, REFRESH_DUE);
        assert_int_equal(step.key_serial, 1); /* the one that was good last */
        step = ended(&refresh, EXCHANGE_UNAVAILABLE, chance + SEC);
        assert_int_equal(step.reason, REFRESH_COMPARED);
        assert_int_equal(step.key_serial, 2);
        step = ended(&refresh, EXCHANGE_MALFORMED, chance + 2 * SEC);
        assert_int_equal(step.reason, REFRESH_COMPARED);
        assert_int_equal(step.key_serial, 3);
        step = ended(&refresh, EXCHANGE_UNAVAILABLE, chance + 3 * SEC);
        assert_false(step.exchange);
}

/* The budget of need is used up when it comes; an operator's exchange is not in its stead. */
static void test_last_chance_is_need(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t chance = refresh.last_chance_usec;
        for (unsigned i = 0; i < REFRESH_NEED_SHARE; i++) {
                refresh_budget_take(&refresh.budget, REFRESH_SHARE_NEED,
                                    chance - USEC_PER_HOUR + (100 + i) * SEC);
        }
        refresh.due_usec = chance + 500 * SEC;
        assert_int_equal(refresh_on_timer(&refresh, chance).wake_usec, chance + 100 * SEC);
        (void)refresh_on_operator(&refresh, false, chance + SEC, &step, &obstacle);
        assert_int_equal(step.reason, REFRESH_OPERATOR);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, chance + SEC);
        refresh.due_usec = chance + 500 * SEC;
        assert_int_equal(asks(&refresh, chance + 100 * SEC), 1);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

static void test_last_chance_is_still_to_come_when_held(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t chance = refresh.last_chance_usec;
        refresh.due_usec = chance + 500 * SEC;
        assert_int_equal(asks(&refresh, chance), 1);
        (void)refresh_on_held(&refresh, /* key= */ false, chance + 50 * SEC, chance);
        assert_int_equal(asks(&refresh, chance + 50 * SEC), 1);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, chance + 50 * SEC);
        refresh.due_usec = chance + 500 * SEC;
        (void)refresh_on_operator(&refresh, false, chance + 60 * SEC, &step, &obstacle);
        (void)refresh_on_held(&refresh, /* key= */ false, chance + 70 * SEC, chance + 60 * SEC);
        refresh.wish_usec = USEC_NEVER;
        assert_int_equal(asks(&refresh, chance + 70 * SEC), 0); /* it was had: that was not need's */
}

/* With the shortest waits there can be: first attempts, a round and a last chance leave enough of the budget
 * for all of the hour. */
static void test_an_outage_has_no_pauses(void **state)
{
        struct refresh refresh = with_life(good_files(), 3, 7200);
        struct refresh_outcome refused = { .outcome = EXCHANGE_REQUEST_REFUSED,
                                           .retry_after_sec = RETRY_AFTER_NONE };
        uint64_t now = refresh.refresh_point_usec, sent = now, end = now + 3 * USEC_PER_HOUR;
        struct refresh_step step = refresh_on_timer(&refresh, now);
        while (now < end) {
                if (step.exchange) {
                        assert_true(now - sent <= 115 * SEC);
                        sent = now;
                        step = refresh_on_outcome(&refresh, &refused, now, 0);
                } else {
                        now = step.wake_usec;
                        step = refresh_on_timer(&refresh, now);
                }
        }
}

/* The first failure of need that concerns a key begins a round though a trial's was had. */
static void test_round_of_need_is_its_own(void **state)
{
        struct key_files files = good_files();
        struct refresh refresh = with_life(files, 1, 7200);
        uint64_t now = refresh.refresh_point_usec;
        assert_int_equal(asks(&refresh, now), 1);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        refresh.n_failures = 9;
        refresh.due_usec = now + 100 * SEC;
        files.names[1].known = (struct key_knowledge){ 0 };
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, now + SEC);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        step = ended(&refresh, EXCHANGE_MALFORMED, now + 2 * SEC);
        assert_int_equal(step.reason, REFRESH_COMPARED); /* the trial's */
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now + 3 * SEC);
        step = refresh_on_timer(&refresh, refresh.due_usec);
        assert_int_equal(step.reason, REFRESH_RETRY);
        step = ended(&refresh, EXCHANGE_MALFORMED, refresh.sent_usec + SEC);
        assert_int_equal(step.reason, REFRESH_COMPARED); /* and need's */
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

static void test_wish_goes_on_when_its_key_is_gone(void **state)
{
        struct key_files files = good_files();
        struct refresh refresh = with_life(files, 2, 7200);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t now = START + 60 * SEC;
        (void)refresh_on_report(&refresh, refresh.token_serial, now, &step, &obstacle);
        assert_int_equal(step.key_serial, 1);
        step = refresh_on_keys(&refresh, &files.names[1], 1, now + SEC);
        assert_true(step.cancel && step.exchange);
        assert_int_equal(step.key_serial, 2);
        assert_int_equal(step.reason, REFRESH_RETRY);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

/* Without a token a trial may bring one: it counts as the next exchange. */
static void test_trial_is_what_comes_next(void **state)
{
        struct refresh refresh = begin(2);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, START);
        refresh.due_usec = START + 115 * SEC; /* as after many failures */
        assert_int_equal(refresh_next_usec(&refresh), START + REFRESH_SPARES_WAIT_USEC);
        refresh = with_token(2);
        refresh.due_usec = START + 60 * SEC;
        assert_int_equal(refresh_next_usec(&refresh), START + 60 * SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_last_chance_asks_each_key),
                cmocka_unit_test(test_last_chance_is_need),
                cmocka_unit_test(test_last_chance_is_still_to_come_when_held),
                cmocka_unit_test(test_an_outage_has_no_pauses),
                cmocka_unit_test(test_round_of_need_is_its_own),
                cmocka_unit_test(test_wish_goes_on_when_its_key_is_gone),
                cmocka_unit_test(test_trial_is_what_comes_next),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
