/* The refresh machine towards operators: a new token now, refused keys tried, another account. */
#include "tests/unit/refresh_wishes.h"

static void test_operator_ends_a_backoff(void **state)
{
        struct refresh refresh = begin(1);
        uint64_t now = START;
        for (unsigned i = 0; i < 8; i++) {
                now = ended(&refresh, EXCHANGE_UNAVAILABLE, now).wake_usec;
                assert_int_equal(asks(&refresh, now), 1);
        }
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now); /* 115 s */
        assert_int_equal(operate(&refresh, now + 2 * SEC), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_OPERATOR);
}

static void test_operator_waits_for_the_floor_only(void **state)
{
        struct refresh refresh = with_token(1);
        (void)operate(&refresh, START + 5 * SEC);
        (void)granted(&refresh, 7200, 2, START + 5 * SEC + 1, MIDDLE);
        assert_int_equal(operate(&refresh, START + 5 * SEC + 2), REFRESH_UNDER_WAY);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_FLOOR);
        assert_int_equal(step.wake_usec, START + 6 * SEC);
        assert_int_equal(refresh_next_usec(&refresh), START + 6 * SEC);
        assert_int_equal(asks(&refresh, START + 6 * SEC), 1);
        assert_int_equal(refresh_next_usec(&refresh), START + 6 * SEC); /* when it was sent */
}

static struct refresh with_key_of_other_account(void)
{
        struct key_files files = key_files(KEY_GOOD, KEY_REFUSED, KEY_UNTRIED);
        files.names[1].known.cause = KEY_OF_OTHER_ACCOUNT;
        return with_life(files, 3, 7200);
}

static void test_new_account(void **state)
{
        struct refresh refresh = with_key_of_other_account(), same = refresh;
        uint64_t now = START + 20 * SEC;
        (void)operate(&same, now);
        assert_int_equal(step.key_serial, 1);
        assert_int_equal(cause(&same, 2), KEY_OF_OTHER_ACCOUNT);

        (void)refresh_on_operator(&refresh, /* new_account= */ true, now, &step, &obstacle);
        assert_true(step.exchange);
        assert_int_equal(step.key_serial, 2); /* this one decides whose tokens they are */
        assert_int_equal(step.reason, REFRESH_OPERATOR);
        (void)granted(&refresh, 7200, 2, now, MIDDLE);
        assert_int_equal(standing(&refresh, 2), KEY_GOOD);
}

static void test_new_account_is_not_forgotten_while_it_waits(void **state)
{
        struct refresh refresh = with_key_of_other_account();
        uint64_t now = START + 30 * SEC;
        assert_int_equal(asks(&refresh, now), 3); /* its trial */
        (void)refresh_on_operator(&refresh, /* new_account= */ true, now, &step, &obstacle);
        assert_int_equal(operate(&refresh, now), REFRESH_UNDER_WAY);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        assert_int_equal(asks(&refresh, now + SEC), 2);
        assert_int_equal(refresh.in_flight_reason, REFRESH_OPERATOR);
}

/* Without a key that could decide it, it is an operator's wish like any. */
static void test_new_account_without_a_new_key(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_UNTRIED, KEY_GOOD);
        struct refresh refresh = with_life(good_files(), 2, 7200);
        uint64_t now = START + 30 * SEC;
        (void)refresh_on_operator(&refresh, /* new_account= */ true, now, &step, &obstacle);
        assert_int_equal(step.key_serial, 1);

        refresh = with_life(files, 2, 7200); /* or if that one has just been asked */
        assert_fails(&refresh, now, 2, EXCHANGE_UNAVAILABLE);
        files.names[0].rewritten = true;
        assert_int_equal(refresh_on_keys(&refresh, files.names, 2, now + 10 * SEC).key_serial, 1);
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now + 10 * SEC);
        (void)refresh_on_operator(&refresh, /* new_account= */ true, now + 20 * SEC, &step, &obstacle);
        assert_int_equal(step.key_serial, 1);
}

/* Of two that wait the operator's is told, and taken from its share. */
static void test_operators_wish_goes_first(void **state)
{
        struct refresh refresh = with_token(2);
        uint64_t now = START + 30 * SEC;
        assert_int_equal(asks(&refresh, now), 2);
        (void)report(&refresh, 1, now);
        assert_int_equal(operate(&refresh, now), REFRESH_UNDER_WAY);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, now);
        assert_int_equal(refresh_on_timer(&refresh, now + SEC).reason, REFRESH_OPERATOR);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_OPERATOR);
}

/* The last of its share is under way: that one's outcome is an answer. */
static void test_operator_beside_the_last_of_its_share(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = START;
        for (unsigned i = 1; i < REFRESH_WISH_SHARE; i++) {
                now += 10 * SEC;
                (void)operate(&refresh, now);
                (void)granted(&refresh, 7200, 1 + i, now, MIDDLE);
        }
        (void)operate(&refresh, now + 10 * SEC);
        assert_true(step.exchange);
        assert_int_equal(operate(&refresh, now + 11 * SEC), REFRESH_UNDER_WAY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_operator_ends_a_backoff),
                cmocka_unit_test(test_operator_waits_for_the_floor_only),
                cmocka_unit_test(test_new_account),
                cmocka_unit_test(test_new_account_is_not_forgotten_while_it_waits),
                cmocka_unit_test(test_new_account_without_a_new_key),
                cmocka_unit_test(test_operators_wish_goes_first),
                cmocka_unit_test(test_operator_beside_the_last_of_its_share),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
