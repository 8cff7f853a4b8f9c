/* How the refresh machine gets to know its keys: an exchange for each one's own sake, out of need's way. */
#include "tests/unit/refresh_story.h"

/* ---- when ---- */

static void test_spares_wait_at_a_start(void **state)
{
        struct refresh refresh = begin(3);
        struct refresh_step step = granted(&refresh, 7200, 1, START + SEC, MIDDLE);
        assert_int_equal(standing(&refresh, 1), KEY_GOOD);
        assert_int_equal(step.wake_usec, START + 30 * SEC);
        step = refresh_on_timer(&refresh, START + 30 * SEC);
        assert_int_equal(step.key_serial, 2);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        assert_true(granted(&refresh, 7200, 2, START + 30 * SEC, MIDDLE).adopted);
        assert_int_equal(standing(&refresh, 2), KEY_GOOD);
        assert_int_equal(asks(&refresh, START + 31 * SEC), 3); /* one after the other */
        (void)granted(&refresh, 7200, 3, START + 31 * SEC, MIDDLE);
        assert_int_equal(refresh_on_timer(&refresh, START + 32 * SEC).wake_usec, refresh.refresh_point_usec);
}

static void test_known_keys_have_no_trial(void **state)
{
        struct refresh refresh = with_life(good_files(), 3, 7200);
        assert_int_equal(asks(&refresh, START + 60 * SEC), 0);
}

static void test_new_spare_is_tried_at_once(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = with_token(1);
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, START + 60 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.key_serial, 2);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_TRIAL);
        /* The same files once more are no news. */
        (void)granted(&refresh, 7200, 2, START + 60 * SEC, MIDDLE);
        assert_false(refresh_on_keys(&refresh, files.names, 2, START + 70 * SEC).exchange);
}

static void test_new_key_does_not_wait_without_a_token(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = begin(1);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, START);
        assert_fails(&refresh, START + SEC, 1, EXCHANGE_KEY_REFUSED);
        (void)refresh_on_keys(&refresh, files.names, 2, START + SEC + 1);
        assert_int_equal(refresh_next_usec(&refresh), START + 2 * SEC); /* the floor */
        assert_int_equal(asks(&refresh, START + 2 * SEC), 2);
}

static void test_rewritten_file_is_tried(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_REFUSED, KEY_GOOD);
        struct refresh refresh = with_life(files, 3, 7200);
        files.names[1].rewritten = files.names[2].rewritten = true;
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 3, START + 60 * SEC);
        assert_int_equal(step.key_serial, 2);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, START + 60 * SEC);
        assert_int_equal(asks(&refresh, START + 61 * SEC), 3); /* a good one as well */
}

/* The answer that is on its way is older than the wish. */
static void test_rewritten_in_flight_is_tried_again(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_UNTRIED, KEY_GOOD);
        struct refresh refresh = with_life(files, 2, 7200);
        uint64_t now = START + 30 * SEC;
        assert_int_equal(asks(&refresh, now), 2);
        files.names[1].rewritten = true;
        assert_false(refresh_on_keys(&refresh, files.names, 2, now + 1).cancel);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now + 2);
        assert_fails(&refresh, now + SEC, 2, EXCHANGE_KEY_REFUSED);
        assert_int_equal(asks(&refresh, now + 2 * SEC), 0);
}

static void test_refused_keys_are_tried_once_a_day(void **state)
{
        struct refresh refresh = with_life(key_files(KEY_GOOD, KEY_UNTRIED, KEY_GOOD), 2, MONTH);
        uint64_t now = START + 30 * SEC;
        for (unsigned day = 0; day < 3; day++) {
                struct refresh_step step = refresh_on_timer(&refresh, now);
                assert_int_equal(step.key_serial, 2);
                assert_int_equal(step.reason, REFRESH_TRIAL);
                step = ended(&refresh, EXCHANGE_KEY_REFUSED, now);
                assert_int_equal(step.wake_usec, now + 24 * USEC_PER_HOUR);
                now = step.wake_usec;
        }
}

static void test_operator_has_refused_keys_tried(void **state)
{
        struct refresh refresh = with_life(key_files(KEY_GOOD, KEY_REFUSED, KEY_REFUSED), 3, 7200);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t now = START + 60 * SEC;
        (void)refresh_on_operator(&refresh, false, now, &step, &obstacle);
        assert_int_equal(step.key_serial, 1); /* a new token first */
        (void)granted(&refresh, 7200, 2, now, MIDDLE);
        assert_fails(&refresh, now + SEC, 2, EXCHANGE_KEY_REFUSED);
        assert_fails(&refresh, now + 2 * SEC, 3, EXCHANGE_KEY_REFUSED);
        assert_int_equal(asks(&refresh, now + 3 * SEC), 0);
}

static void test_need_has_25_seconds_to_itself(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = with_token(1);
        uint64_t point = refresh.refresh_point_usec;
        struct refresh early = refresh;
        assert_true(refresh_on_keys(&early, files.names, 2, point - 25 * SEC - 1).exchange);

        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, point - 25 * SEC);
        assert_false(step.exchange);
        assert_int_equal(step.wake_usec, point);
        assert_int_equal(asks(&refresh, point), 1);
        (void)granted(&refresh, 7200, 2, point, MIDDLE);
        assert_int_equal(asks(&refresh, point + SEC), 2);
}

static void test_trials_have_their_share_of_the_budget(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = with_token(1);
        uint64_t now = START;
        for (unsigned i = 0; i < REFRESH_WISH_SHARE; i++) {
                now += 10 * SEC;
                files.names[1].serial++;
                assert_true(refresh_on_keys(&refresh, files.names, 2, now).exchange);
                (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        }
        files.names[1].serial++;
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, now + 10 * SEC);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_UNLIMITED); /* the token's next exchange is not put off */
        assert_int_equal(step.wake_usec, START + 10 * SEC + USEC_PER_HOUR);
        assert_int_equal(asks(&refresh, step.wake_usec), files.names[1].serial);
}

/* ---- how it ends ---- */

static void test_401_ends_a_trial(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t point = refresh.refresh_point_usec;
        assert_int_equal(asks(&refresh, START + 30 * SEC), 2);
        struct refresh_step step = ended(&refresh, EXCHANGE_KEY_REFUSED, START + 31 * SEC);
        assert_false(step.exchange);
        assert_int_equal(cause(&refresh, 2), KEY_UNAUTHORIZED);
        assert_int_equal(step.wake_usec, point); /* the schedule stands as it was */
        assert_int_equal(refresh.n_failures, 0);
        assert_int_equal(asks(&refresh, point), 1);
}

static void test_trial_that_says_nothing_is_made_again(void **state)
{
        static const enum exchange_outcome outcomes[] = { EXCHANGE_UNAVAILABLE, EXCHANGE_THROTTLED };
        static const unsigned sec[] = { 115, 230, 460 };
        for (size_t o = 0; o < ARRAY_SIZE(outcomes); o++) {
                struct refresh refresh = with_life(new_files(), 2, MONTH);
                uint64_t now = START + 30 * SEC;
                for (size_t i = 0; i < ARRAY_SIZE(sec); i++) {
                        assert_int_equal(asks(&refresh, now), 2);
                        struct refresh_step step = ended(&refresh, outcomes[o], now);
                        assert_int_equal(standing(&refresh, 2), KEY_UNTRIED);
                        assert_int_equal(step.wake_usec, now + sec[i] * SEC);
                        now = step.wake_usec;
                }
                assert_fails(&refresh, now, 2, outcomes[o]);
                now = START + 30 * SEC + USEC_PER_HOUR; /* its share is used up until then */
                assert_int_equal(refresh_on_timer(&refresh, now - 1).wake_usec, now);
                for (unsigned i = 0; i < 5; i++) { /* at most an hour */
                        assert_int_equal(asks(&refresh, now), 2);
                        now = ended(&refresh, outcomes[o], now).wake_usec;
                }
                assert_fails(&refresh, now, 2, outcomes[o]);
                assert_int_equal(refresh_on_timer(&refresh, now).wake_usec, now + USEC_PER_HOUR);
        }
}

static void test_next_grant_brings_a_trial_forward(void **state)
{
        struct refresh refresh = with_token(2);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t now = START + 30 * SEC;
        assert_fails(&refresh, now, 2, EXCHANGE_UNAVAILABLE);
        (void)refresh_on_operator(&refresh, false, now + 10 * SEC, &step, &obstacle);
        assert_int_equal(step.key_serial, 1);
        (void)granted(&refresh, 7200, 2, now + 10 * SEC, MIDDLE);
        assert_int_equal(asks(&refresh, now + 11 * SEC), 2);
}

/* A fact that need's exchange did not show, the trial after the next grant does. */
static void test_need_takes_the_place_of_a_trial(void **state)
{
        struct refresh refresh = begin(2);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, START);
        assert_fails(&refresh, START + SEC, 2, EXCHANGE_UNAVAILABLE);
        assert_int_equal(asks(&refresh, START + 4 * SEC), 1);
        (void)granted(&refresh, 7200, 1, START + 4 * SEC, MIDDLE);
        struct refresh_step step = refresh_on_timer(&refresh, START + 5 * SEC);
        assert_int_equal(step.key_serial, 2);
        assert_int_equal(step.reason, REFRESH_TRIAL);
}

/* ---- a file with another key in it ---- */

static void test_changed_key_is_tried_and_the_token_stays(void **state)
{
        struct key_name changed = { .serial = 4, .label = "1-main" };
        struct refresh refresh = with_token(1);
        uint64_t now = START + 60 * SEC, point = refresh.refresh_point_usec;
        struct refresh_step step = refresh_on_keys(&refresh, &changed, 1, now);
        assert_int_equal(step.key_serial, 4);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        step = ended(&refresh, EXCHANGE_KEY_REFUSED, now + SEC);
        assert_true(refresh.has_token);
        assert_int_equal(step.wake_usec, point);
        assert_int_equal(asks(&refresh, point), 1); /* the one from before goes on */
}

static void test_changed_key_that_works_takes_over(void **state)
{
        struct key_name changed = { .serial = 4, .label = "1-main" };
        struct refresh refresh = with_token(1);
        (void)refresh_on_keys(&refresh, &changed, 1, START + 60 * SEC);
        assert_non_null(keyring_find(&refresh.keyring, 1));
        assert_true(granted(&refresh, 7200, 2, START + 61 * SEC, MIDDLE).adopted);
        assert_null(keyring_find(&refresh.keyring, 1));
        assert_int_equal(asks(&refresh, refresh.refresh_point_usec), 4);
}

static void test_changed_spare_is_tried(void **state)
{
        struct key_files files = good_files();
        struct refresh refresh = with_life(files, 2, 7200);
        files.names[1] = (struct key_name){ .serial = 4, .label = "2-spare" };
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, START + 60 * SEC);
        assert_int_equal(step.key_serial, 4);
        assert_true(granted(&refresh, 7200, 2, START + 61 * SEC, MIDDLE).adopted);
        assert_null(keyring_find(&refresh.keyring, 2));
}

static void test_changed_key_that_fails_is_outdone_by_the_one_before(void **state)
{
        struct key_name changed = { .serial = 4, .label = "1-main" };
        struct refresh refresh = with_token(1);
        (void)refresh_on_keys(&refresh, &changed, 1, START + 60 * SEC);
        (void)ended(&refresh, EXCHANGE_MALFORMED, START + 60 * SEC);
        assert_int_equal(asks(&refresh, START + 61 * SEC), 1);
        (void)granted(&refresh, 7200, 2, START + 61 * SEC, MIDDLE);
        assert_int_equal(cause(&refresh, 4), KEY_OUTDONE);
        assert_true(keyring_find(&refresh.keyring, 1)->kept);
}

/* A spare may be granted shorter lives: it is good, and the longer life is kept. */
static void test_trial_takes_no_longer_life_away(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t now = START + 30 * SEC, expires = refresh.expires_usec, point = refresh.due_usec;
        assert_int_equal(asks(&refresh, now), 2);
        struct refresh_step step = granted(&refresh, 60, 2, now, MIDDLE);
        assert_true(step.spared && !step.adopted);
        assert_int_equal(standing(&refresh, 2), KEY_GOOD);
        assert_int_equal(refresh.token_serial, 1);
        assert_int_equal(refresh.expires_usec, expires);
        assert_int_equal(step.wake_usec, point);
        /* One that lives as long is adopted. */
        struct key_files files = good_files();
        files.names[1].rewritten = true;
        now += 10 * SEC;
        assert_true(refresh_on_keys(&refresh, files.names, 2, now).exchange);
        assert_true(granted(&refresh, 7200, 2, now, MIDDLE).adopted);
}

/* Unless that is another account's, which is to go. */
static void test_trial_takes_a_longer_life_of_another_account_away(void **state)
{
        struct refresh_outcome told = { .outcome = EXCHANGE_GRANTED,
                                        .lifetime_sec = 60,
                                        .token_serial = 2,
                                        .retry_after_sec = RETRY_AFTER_NONE,
                                        .new_account = true };
        struct refresh refresh = with_token(2);
        uint64_t now = START + 30 * SEC;
        assert_int_equal(asks(&refresh, now), 2);
        struct refresh_step step = refresh_on_outcome(&refresh, &told, now, MIDDLE);
        assert_true(step.adopted && !step.spared);
        assert_int_equal(refresh.token_serial, 2);
        assert_int_equal(refresh.expires_usec, now + 60 * SEC);
}

/* A trial that takes longer than any exchange should: need does not wait for it. */
static void test_trial_that_hangs_is_given_up(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t point = refresh.due_usec, now = point - 26 * SEC;
        struct key_files files = new_files();
        files.names[1].rewritten = true;
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 2, now);
        assert_int_equal(step.key_serial, 2);
        assert_int_equal(step.wake_usec, point);
        step = refresh_on_timer(&refresh, point);
        assert_true(step.cancel && step.exchange);
        assert_int_equal(step.key_serial, 1);
        assert_int_equal(step.reason, REFRESH_DUE);
        (void)granted(&refresh, 7200, 2, point, MIDDLE);
        assert_int_equal(asks(&refresh, point + SEC), 2); /* it is tried again */
}

/* While need is in trouble, it waits as after an outage. */
static void test_trial_that_hangs_is_not_made_again_at_once(void **state)
{
        struct refresh refresh = with_life(good_files(), 2, 7200);
        uint64_t point = refresh.due_usec, now = point;
        struct key_files files = good_files();
        files.names[1].rewritten = true;
        assert_true(refresh_on_keys(&refresh, files.names, 2, point - 26 * SEC).exchange);
        assert_int_equal(asks(&refresh, point), 1);
        for (unsigned wait_sec = 1; wait_sec <= 64; wait_sec *= 2) {
                (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
                assert_int_equal(asks(&refresh, now + wait_sec * SEC / 2),
                                 0); /* in the middle of the wait */
                now += wait_sec * SEC;
                assert_int_not_equal(asks(&refresh, now), 0);
                assert_int_equal(refresh.in_flight_reason, REFRESH_RETRY);
        }
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_true(now >= point + 115 * SEC);
        assert_int_equal(asks(&refresh, now + SEC), 2);
        assert_int_equal(refresh.in_flight_reason, REFRESH_TRIAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_trial_takes_no_longer_life_away),
                cmocka_unit_test(test_trial_takes_a_longer_life_of_another_account_away),
                cmocka_unit_test(test_trial_that_hangs_is_given_up),
                cmocka_unit_test(test_trial_that_hangs_is_not_made_again_at_once),
                cmocka_unit_test(test_spares_wait_at_a_start),
                cmocka_unit_test(test_known_keys_have_no_trial),
                cmocka_unit_test(test_new_spare_is_tried_at_once),
                cmocka_unit_test(test_new_key_does_not_wait_without_a_token),
                cmocka_unit_test(test_rewritten_file_is_tried),
                cmocka_unit_test(test_rewritten_in_flight_is_tried_again),
                cmocka_unit_test(test_refused_keys_are_tried_once_a_day),
                cmocka_unit_test(test_operator_has_refused_keys_tried),
                cmocka_unit_test(test_need_has_25_seconds_to_itself),
                cmocka_unit_test(test_trials_have_their_share_of_the_budget),
                cmocka_unit_test(test_401_ends_a_trial),
                cmocka_unit_test(test_trial_that_says_nothing_is_made_again),
                cmocka_unit_test(test_next_grant_brings_a_trial_forward),
                cmocka_unit_test(test_need_takes_the_place_of_a_trial),
                cmocka_unit_test(test_changed_key_is_tried_and_the_token_stays),
                cmocka_unit_test(test_changed_key_that_works_takes_over),
                cmocka_unit_test(test_changed_spare_is_tried),
                cmocka_unit_test(test_changed_key_that_fails_is_outdone_by_the_one_before),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
