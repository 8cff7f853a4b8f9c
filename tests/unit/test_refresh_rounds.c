/* The refresh machine in trouble: whose fault a failure is, which key is asked next, how long it waits. */
#include "tests/unit/refresh_story.h"

static unsigned sent_for(const struct refresh *refresh, enum refresh_share share)
{
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET];
        size_t n = refresh_budget_list(&refresh->budget, sent);
        unsigned n_share = 0;

        for (size_t i = 0; i < n; i++) {
                n_share += sent[i].share == share;
        }
        return n_share;
}

/* ---- rounds ---- */

/* Those not tried yet before those refused; as fast as the floor allows. */
static void test_round_asks_each_key_once(void **state)
{
        struct refresh refresh = with_life(key_files(KEY_GOOD, KEY_REFUSED, KEY_UNTRIED), 3, 7200);
        uint64_t now = refresh.refresh_point_usec;
        assert_fails(&refresh, now, 1, EXCHANGE_REQUEST_REFUSED);
        struct refresh_step step = refresh_on_timer(&refresh, now);
        assert_int_equal(step.wake_usec, now + SEC);
        assert_int_equal(refresh_next_usec(&refresh), now + SEC);
        step = refresh_on_timer(&refresh, now + SEC);
        assert_int_equal(step.key_serial, 3);
        assert_int_equal(step.reason, REFRESH_COMPARED);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now + SEC);
        assert_fails(&refresh, now + 2 * SEC, 2, EXCHANGE_KEY_REFUSED);
        assert_int_equal(asks(&refresh, now + 3 * SEC), 0); /* the round is over */
        assert_int_equal(sent_for(&refresh, REFRESH_SHARE_NEED), 4);
}

/* Waits have grown long when a failure concerns a key at last: its comparison is what comes next, and is
 * told. */
static void test_round_late_in_a_trouble_is_what_comes_next(void **state)
{
        struct refresh refresh = begin_with(good_files(), 2);
        uint64_t now = START;
        for (unsigned i = 0; i < 9; i++) {
                (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
                now = refresh_next_usec(&refresh);
                assert_int_not_equal(asks(&refresh, now), 0);
        }
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        assert_true(refresh.due_usec > now + 80 * SEC);
        assert_int_equal(refresh_next_usec(&refresh), now + SEC);
        assert_int_not_equal(asks(&refresh, now + SEC), 0);
}

static void test_good_keys_are_asked_last_good_first(void **state)
{
        struct key_files files = good_files();
        files.names[2].known.seen_usec = START - 1; /* later than key 2 */
        struct refresh refresh = begin_with(files, 3);
        (void)ended(&refresh, EXCHANGE_MALFORMED, START);
        assert_fails(&refresh, START + SEC, 3, EXCHANGE_MALFORMED);
        assert_fails(&refresh, START + 2 * SEC, 2, EXCHANGE_MALFORMED);
        refresh = begin_with(key_files(KEY_GOOD, KEY_UNTRIED, KEY_GOOD), 3);
        (void)ended(&refresh, EXCHANGE_MALFORMED, START);
        assert_fails(&refresh, START + SEC, 3, EXCHANGE_MALFORMED);
        assert_fails(&refresh, START + 2 * SEC, 2, EXCHANGE_MALFORMED);
}

static void test_one_round_per_trouble(void **state)
{
        struct refresh refresh = begin_with(good_files(), 2);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, START);
        assert_fails(&refresh, START + SEC, 2, EXCHANGE_REQUEST_REFUSED);
        /* The next failure begins none: the retry's wait is what comes. */
        assert_fails(&refresh, START + 10 * SEC, 1, EXCHANGE_REQUEST_REFUSED);
        assert_int_equal(asks(&refresh, START + 11 * SEC), 0);
        /* A grant ends the trouble; the next one has a round of its own. */
        assert_int_equal(asks(&refresh, START + 60 * SEC), 2);
        (void)granted(&refresh, MONTH, 1, START + 60 * SEC, MIDDLE);
        assert_int_equal(asks(&refresh, START + 61 * SEC), 1); /* its trial, as times may have changed */
        (void)granted(&refresh, MONTH, 2, START + 61 * SEC, MIDDLE);
        uint64_t now = refresh.refresh_point_usec;
        assert_true(asks(&refresh, now) > 0);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        assert_int_equal(refresh_on_timer(&refresh, now + SEC).reason, REFRESH_COMPARED);
}

static void test_failures_that_say_nothing_begin_no_round(void **state)
{
        struct refresh refresh = begin_with(good_files(), 2);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, START);
        struct refresh_step step = refresh_on_timer(&refresh, START + SEC);
        assert_int_equal(step.key_serial, 2); /* in turn */
        assert_int_equal(step.reason, REFRESH_RETRY);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, START + SEC);
        /* The first one that may be the key's does, however late. */
        assert_fails(&refresh, START + 3 * SEC, 1, EXCHANGE_MALFORMED);
        assert_int_equal(refresh_on_timer(&refresh, START + 4 * SEC).reason, REFRESH_COMPARED);
}

static void test_refused_key_gives_way_to_the_spare(void **state)
{
        struct refresh refresh = begin(2);
        struct refresh_step step = ended(&refresh, EXCHANGE_KEY_REFUSED, START + SEC / 2);
        assert_int_equal(cause(&refresh, 1), KEY_UNAUTHORIZED);
        assert_int_equal(step.wake_usec, START + SEC);
        assert_int_equal(asks(&refresh, START + SEC), 2);
        assert_true(granted(&refresh, 7200, 1, START + SEC, MIDDLE).adopted);
        assert_int_equal(cause(&refresh, 1), KEY_UNAUTHORIZED);
        assert_int_equal(asks(&refresh, refresh.refresh_point_usec), 2);
}

static void test_key_of_another_account_is_refused(void **state)
{
        struct refresh refresh = begin(2);
        (void)ended(&refresh, EXCHANGE_OTHER_ACCOUNT, START);
        assert_int_equal(standing(&refresh, 1), KEY_REFUSED);
        assert_int_equal(cause(&refresh, 1), KEY_OF_OTHER_ACCOUNT);
        assert_int_equal(asks(&refresh, START + SEC), 2);
}

/* ---- what a grant says of the others ---- */

static void test_key_that_failed_is_outdone(void **state)
{
        struct refresh refresh = begin_with(good_files(), 3);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, START);
        assert_int_equal(standing(&refresh, 1), KEY_GOOD); /* nothing is proven by that alone */
        assert_fails(&refresh, START + SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_int_equal(asks(&refresh, START + 2 * SEC), 3);
        assert_true(granted(&refresh, 7200, 1, START + 2 * SEC, MIDDLE).adopted);
        assert_int_equal(cause(&refresh, 1), KEY_OUTDONE);
        assert_int_equal(standing(&refresh, 2), KEY_GOOD); /* 503 is nobody's fault */
        assert_int_equal(asks(&refresh, START + 10 * SEC), 0);
}

/* The one that is granted had failed in this trouble: the upstream has changed. */
static void test_times_may_have_changed(void **state)
{
        struct refresh refresh = begin_with(good_files(), 2);
        (void)ended(&refresh, EXCHANGE_MALFORMED, START);
        assert_fails(&refresh, START + SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, START + 10 * SEC, 1, EXCHANGE_MALFORMED);
        assert_int_equal(asks(&refresh, START + 20 * SEC), 2);
        (void)granted(&refresh, 7200, 1, START + 20 * SEC, MIDDLE);
        assert_int_equal(standing(&refresh, 1), KEY_GOOD);
        struct refresh_step step = refresh_on_timer(&refresh, START + 21 * SEC);
        assert_int_equal(step.key_serial, 1);
        assert_int_equal(step.reason, REFRESH_TRIAL);
}

/* ---- turns ---- */

static void test_untried_keys_first_then_all_in_turn(void **state)
{
        struct refresh refresh = begin_with(key_files(KEY_GOOD, KEY_REFUSED, KEY_UNTRIED), 3);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, START);
        assert_fails(&refresh, START + 10 * SEC, 3, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, START + 20 * SEC, 2, EXCHANGE_UNAVAILABLE); /* without a token: it, too */
        assert_fails(&refresh, START + 200 * SEC, 1, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, START + 400 * SEC, 3, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, START + 600 * SEC, 2, EXCHANGE_UNAVAILABLE);
}

static void test_refused_keys_are_passed_over_while_a_token_lives(void **state)
{
        struct refresh refresh = with_life(key_files(KEY_GOOD, KEY_REFUSED, KEY_GOOD), 2, 7200);
        uint64_t now = refresh.refresh_point_usec;
        assert_fails(&refresh, now, 1, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, now + 10 * SEC, 1, EXCHANGE_UNAVAILABLE);
        /* Not any longer when the good one failed with something that may be its fault. */
        assert_fails(&refresh, now + 20 * SEC, 1, EXCHANGE_MALFORMED);
        assert_fails(&refresh, now + 30 * SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, now + 200 * SEC, 1, EXCHANGE_MALFORMED);
        assert_fails(&refresh, now + 400 * SEC, 2, EXCHANGE_UNAVAILABLE);
}

static void test_old_proof_takes_its_turn(void **state)
{
        struct refresh refresh = with_life(good_files(), 2, MONTH);
        assert_int_equal(asks(&refresh, refresh.refresh_point_usec), 2);
        refresh = with_life(good_files(), 2, 7200);
        assert_int_equal(asks(&refresh, refresh.refresh_point_usec), 1);
}

/* ---- the comparison that a trial leads to ---- */

/* Three keys of which the third is new, whose trial fails with something that may be its fault. */
static struct refresh with_doubtful_key(uint64_t now)
{
        struct key_files files = key_files(KEY_GOOD, KEY_GOOD, KEY_UNTRIED);
        struct refresh refresh = with_life(files, 2, MONTH);
        (void)refresh_on_keys(&refresh, files.names, 3, now);
        assert_int_equal(refresh.in_flight_key, 3);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        return refresh;
}

static void test_trial_that_fails_is_compared(void **state)
{
        uint64_t now = START + 60 * SEC;
        struct refresh refresh = with_doubtful_key(now);
        assert_int_equal(standing(&refresh, 3), KEY_UNTRIED);
        struct refresh_step step = refresh_on_timer(&refresh, now + SEC);
        assert_int_equal(step.key_serial, 1);
        assert_int_equal(step.reason, REFRESH_COMPARED);
        assert_int_equal(sent_for(&refresh, REFRESH_SHARE_TRIAL), 2); /* on its account */
        assert_true(granted(&refresh, MONTH, 2, now + SEC, MIDDLE).adopted);
        assert_int_equal(cause(&refresh, 3), KEY_OUTDONE);
        assert_int_equal(asks(&refresh, now + 2 * SEC), 0); /* it is known now */
}

static void test_comparison_that_fails_changes_nothing(void **state)
{
        uint64_t now = START + 60 * SEC;
        struct refresh refresh = with_doubtful_key(now);
        uint64_t point = refresh.refresh_point_usec;
        assert_fails(&refresh, now + SEC, 1, EXCHANGE_REQUEST_REFUSED);
        assert_fails(&refresh, now + 2 * SEC, 2, EXCHANGE_REQUEST_REFUSED);
        struct refresh_step step = refresh_on_timer(&refresh, now + 3 * SEC);
        assert_false(step.exchange);
        assert_int_equal(step.wake_usec, point); /* the schedule stands */
        assert_int_equal(refresh.n_failures, 0);
        assert_int_equal(standing(&refresh, 1), KEY_GOOD);
        assert_int_equal(standing(&refresh, 3), KEY_UNTRIED);
        /* Need is another trouble, with a round of its own. */
        assert_fails(&refresh, point, 2, EXCHANGE_REQUEST_REFUSED); /* the oldest proof */
        assert_int_equal(refresh_on_timer(&refresh, point + SEC).reason, REFRESH_COMPARED);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

/* The third key's file is written again, and its trial fails with something that may be its fault. */
static void doubt_again(struct refresh *refresh, uint64_t now)
{
        struct key_files files = key_files(KEY_GOOD, KEY_GOOD, KEY_UNTRIED);
        files.names[2].rewritten = true;
        assert_int_equal(refresh_on_keys(refresh, files.names, 3, now).key_serial, 3);
        (void)ended(refresh, EXCHANGE_REQUEST_REFUSED, now);
}

static void test_one_comparison_per_trouble(void **state)
{
        uint64_t now = START + 60 * SEC;
        struct refresh refresh = with_doubtful_key(now), early;
        assert_fails(&refresh, now + SEC, 1, EXCHANGE_UNAVAILABLE);
        assert_fails(&refresh, now + 2 * SEC, 2, EXCHANGE_UNAVAILABLE);
        early = refresh;
        doubt_again(&early, now + 60 * SEC);
        assert_int_equal(asks(&early, now + 61 * SEC), 0);

        now = refresh.refresh_point_usec; /* need's is another one */
        for (unsigned i = 0; i < 6; i++) {
                assert_true(asks(&refresh, now) > 0);
                now = ended(&refresh, EXCHANGE_UNAVAILABLE, now).wake_usec;
        }
        doubt_again(&refresh, now - 30 * SEC);
        assert_int_equal(refresh_on_timer(&refresh, now - 29 * SEC).reason, REFRESH_COMPARED);
}

/* The findings of need's round are not asked for once more. */
static void test_no_comparison_after_a_round(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_GOOD, KEY_UNTRIED);
        struct refresh refresh = with_life(files, 2, 7200);
        uint64_t now = refresh.refresh_point_usec;
        for (unsigned i = 0; i < 7; i++) {
                assert_true(asks(&refresh, now) > 0);
                now = ended(&refresh, EXCHANGE_REQUEST_REFUSED, now).wake_usec;
        }
        now -= 30 * SEC;
        assert_int_equal(refresh_on_keys(&refresh, files.names, 3, now).key_serial, 3);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        assert_int_equal(asks(&refresh, now + SEC), 0);
}

/* In a trouble of need a trial's comparison is on the trial's account, and does not take the place of
 * need's. */
static void test_round_of_need_is_its_own(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_UNTRIED, KEY_GOOD);
        struct refresh refresh = with_life(files, 1, 7200);
        uint64_t now = refresh.refresh_point_usec;
        for (unsigned i = 0; i < 6; i++) { /* the next one is 32 s later */
                assert_int_equal(asks(&refresh, now), 1);
                now = ended(&refresh, EXCHANGE_UNAVAILABLE, now).wake_usec;
        }
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, now - 30 * SEC);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        (void)ended(&refresh, EXCHANGE_MALFORMED, now - 30 * SEC);
        step = refresh_on_timer(&refresh, now - 29 * SEC);
        assert_int_equal(step.reason, REFRESH_COMPARED);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_TRIAL);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now - 29 * SEC);
        assert_fails(&refresh, now, 2, EXCHANGE_MALFORMED);
        assert_int_equal(refresh_on_timer(&refresh, now + SEC).reason, REFRESH_COMPARED);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_NEED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_asks_each_key_once),
                cmocka_unit_test(test_round_late_in_a_trouble_is_what_comes_next),
                cmocka_unit_test(test_good_keys_are_asked_last_good_first),
                cmocka_unit_test(test_one_round_per_trouble),
                cmocka_unit_test(test_failures_that_say_nothing_begin_no_round),
                cmocka_unit_test(test_refused_key_gives_way_to_the_spare),
                cmocka_unit_test(test_key_of_another_account_is_refused),
                cmocka_unit_test(test_key_that_failed_is_outdone),
                cmocka_unit_test(test_times_may_have_changed),
                cmocka_unit_test(test_untried_keys_first_then_all_in_turn),
                cmocka_unit_test(test_refused_keys_are_passed_over_while_a_token_lives),
                cmocka_unit_test(test_old_proof_takes_its_turn),
                cmocka_unit_test(test_trial_that_fails_is_compared),
                cmocka_unit_test(test_comparison_that_fails_changes_nothing),
                cmocka_unit_test(test_one_comparison_per_trouble),
                cmocka_unit_test(test_no_comparison_after_a_round),
                cmocka_unit_test(test_round_of_need_is_its_own),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
