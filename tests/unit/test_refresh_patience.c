/* The refresh machine after an hour of nothing but 401: attempts are a quarter of an hour apart, until
 * something may help. */
#include "tests/unit/refresh_story.h"

/* A machine of which the two keys have been answered 401 for an hour; one is in flight since *ret_now. */
static struct refresh unauthorized_for_an_hour(uint64_t *ret_now)
{
        struct refresh refresh = begin(2);
        uint64_t now = START;
        struct refresh_step step = ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        while (step.wake_usec < START + SEC + USEC_PER_HOUR) { /* the other key's began a second later */
                assert_true(step.wake_usec <= now + 115 * SEC);
                now = step.wake_usec;
                assert_true(refresh_on_timer(&refresh, now).exchange);
                step = ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        }
        *ret_now = step.wake_usec;
        assert_true(refresh_on_timer(&refresh, *ret_now).exchange);
        return refresh;
}

static void test_an_hour_of_401_makes_it_patient(void **state)
{
        uint64_t now;
        struct refresh refresh = unauthorized_for_an_hour(&now);
        uint64_t first = refresh.in_flight_key;
        struct refresh_step step = ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        assert_int_equal(step.wake_usec, now + 15 * USEC_PER_MIN);
        now = step.wake_usec;
        assert_int_equal(asks(&refresh, now), 3 - first); /* the keys in turn */
        const struct refresh_outcome told = { .outcome = EXCHANGE_KEY_REFUSED,
                                              .retry_after_sec = RETRY_AFTER_NONE };
        step = refresh_on_outcome(&refresh, &told, now, 0);
        assert_int_equal(step.wake_usec, now + 15 * USEC_PER_MIN / 4 * 3);
}

/* A spare that was refused long ago does not count: the hour begins with the last key that says so. */
static void test_hour_begins_with_the_last_key(void **state)
{
        struct refresh refresh = with_token(2);
        assert_fails(&refresh, START + 30 * SEC, 2, EXCHANGE_KEY_REFUSED);
        uint64_t now = refresh.refresh_point_usec, since = now;
        assert_true(now > START + 30 * SEC + USEC_PER_HOUR);
        assert_fails(&refresh, now, 1, EXCHANGE_KEY_REFUSED);
        now += SEC;
        assert_fails(&refresh, now, 2, EXCHANGE_KEY_REFUSED);
        assert_true(refresh.due_usec <= now + 2 * SEC);
        while (now < since + USEC_PER_HOUR) {
                assert_true(refresh.due_usec <= now + 115 * SEC);
                now = refresh_on_timer(&refresh, now).wake_usec;
                if (asks(&refresh, now) > 0) {
                        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
                }
        }
        assert_int_equal(refresh.due_usec, now + 15 * USEC_PER_MIN);
}

static void test_another_answer_ends_the_patience(void **state)
{
        uint64_t now;
        struct refresh refresh = unauthorized_for_an_hour(&now);
        struct refresh_step step = ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_int_equal(step.wake_usec, now + 115 * SEC);
        now = step.wake_usec;
        assert_true(refresh_on_timer(&refresh, now).exchange);
        assert_int_equal(ended(&refresh, EXCHANGE_KEY_REFUSED, now).wake_usec, now + 115 * SEC);
}

static void test_new_file_ends_the_patience(void **state)
{
        struct key_files files = new_files();
        uint64_t now;
        struct refresh refresh = unauthorized_for_an_hour(&now);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        now += USEC_PER_MIN;
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 3, now);
        assert_true(step.exchange);
        assert_int_equal(step.key_serial, 3);
        assert_true(granted(&refresh, 7200, 1, now, MIDDLE).adopted);
}

static void test_operator_ends_the_patience(void **state)
{
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t now;
        struct refresh refresh = unauthorized_for_an_hour(&now);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        now += USEC_PER_MIN;
        assert_int_equal(refresh_on_operator(&refresh, false, now, &step, &obstacle), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        for (unsigned i = 0; i < 5; i++) { /* the other key's trial among them */
                uint64_t next = ended(&refresh, EXCHANGE_KEY_REFUSED, now).wake_usec;
                assert_true(next <= now + 115 * SEC);
                now = next;
                assert_true(asks(&refresh, now) > 0);
        }
}

/* The latest attempt has been answered 401, and the next one is a quarter of an hour away. */
static struct refresh patient(uint64_t *ret_now)
{
        struct refresh refresh = unauthorized_for_an_hour(ret_now);

        assert_int_equal(ended(&refresh, EXCHANGE_KEY_REFUSED, *ret_now).wake_usec,
                         *ret_now + 15 * USEC_PER_MIN);
        return refresh;
}

/* Whatever its key is answered at first: it is asked again as in any other trouble. */
static void test_new_file_whose_trial_is_in_vain(void **state)
{
        for (int outcome = 0; outcome < _EXCHANGE_OUTCOME_COUNT; outcome++) {
                struct key_files files = new_files();
                uint64_t now;
                struct refresh refresh = patient(&now);
                if (outcome == EXCHANGE_GRANTED) {
                        continue;
                }
                now += USEC_PER_MIN;
                assert_true(refresh_on_keys(&refresh, files.names, 3, now).exchange);
                struct refresh_step step = ended(&refresh, (enum exchange_outcome)outcome, now + SEC);
                assert_true(step.wake_usec <= now + 115 * SEC);
                step = refresh_on_timer(&refresh, step.wake_usec);
                assert_true(step.exchange);
                assert_int_equal(step.reason, REFRESH_RETRY);
        }
}

/* Of five within the hour, the last one has no trial any more. */
static void test_right_file_after_wrong_ones(void **state)
{
        struct key_files files = new_files();
        uint64_t now;
        struct refresh refresh = patient(&now);
        for (unsigned i = 0; i < REFRESH_WISH_SHARE; i++) {
                now += 20 * SEC;
                struct refresh_step step = refresh_on_keys(&refresh, files.names, 3, now);
                assert_true(step.exchange);
                assert_int_equal(step.key_serial, files.names[2].serial);
                (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
                files.names[2].serial++;
        }
        now += 20 * SEC;
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 3, now);
        assert_false(step.exchange);
        assert_true(step.wake_usec <= now + 115 * SEC);
        assert_int_equal(asks(&refresh, step.wake_usec), files.names[2].serial);
}

/* The file of a key that is kept has it again, with the time and the inode of before. */
static void test_kept_key_that_comes_back_ends_the_patience(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = with_life(files, 1, MONTH);
        uint64_t now = START + USEC_PER_MIN, next;
        files.names[0].serial = 4;
        assert_int_equal(refresh_on_keys(&refresh, files.names, 1, now).key_serial, 4);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        next = refresh.refresh_point_usec;
        do {
                now = next;
                assert_true(asks(&refresh, now) > 0);
                next = ended(&refresh, EXCHANGE_KEY_REFUSED, now).wake_usec;
        } while (next <= now + 115 * SEC);
        now += USEC_PER_MIN;
        files.names[0].serial = 1;
        assert_int_equal(refresh_on_keys(&refresh, files.names, 1, now).key_serial, 1);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_true(refresh_on_timer(&refresh, now).wake_usec <= now + 115 * SEC);
        assert_true(refresh.due_usec <= now + 115 * SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_hour_of_401_makes_it_patient),
                cmocka_unit_test(test_hour_begins_with_the_last_key),
                cmocka_unit_test(test_another_answer_ends_the_patience),
                cmocka_unit_test(test_new_file_ends_the_patience),
                cmocka_unit_test(test_operator_ends_the_patience),
                cmocka_unit_test(test_new_file_whose_trial_is_in_vain),
                cmocka_unit_test(test_right_file_after_wrong_ones),
                cmocka_unit_test(test_kept_key_that_comes_back_ends_the_patience),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
