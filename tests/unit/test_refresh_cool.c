/* How long a key that failed here is left alone by others who share the store. */
#include "lib/refresh_cool.h"
#include "tests/unit/refresh_story.h"

static struct refresh_step claimed(struct refresh *refresh, enum refresh_claim_kind kind, uint64_t now)
{
        struct refresh_claim claim = { .kind = kind, .left_usec = 20 * SEC };

        return refresh_on_claim(refresh, &claim, now, UINT32_MAX);
}

/* A machine with these keys and a store; key 1 is asked at START, under a lease. */
static struct refresh begin_shared(struct key_files files, size_t n_keys)
{
        struct refresh refresh;

        refresh_init(&refresh);
        refresh_use_store(&refresh, true);
        assert_true(refresh_on_keys(&refresh, files.names, n_keys, START).claim);
        struct refresh_step step = claimed(&refresh, REFRESH_CLAIM_HELD, START);
        assert_true(step.exchange);
        assert_int_equal(step.key_serial, 1);
        return refresh;
}

/* The next claim is for this key, and is held. */
static void assert_asked_next(struct refresh *refresh, uint64_t serial, uint64_t now)
{
        if (!refresh->claiming) {
                assert_true(refresh_on_timer(refresh, now).claim);
        }
        assert_int_equal(refresh->in_flight_key, serial);
        assert_true(claimed(refresh, REFRESH_CLAIM_HELD, now).exchange);
}

static void test_the_only_key_until_the_next_attempt(void **state)
{
        static const enum exchange_outcome outcomes[] = { EXCHANGE_UNAVAILABLE, EXCHANGE_KEY_REFUSED,
                                                          EXCHANGE_REQUEST_REFUSED };

        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
                struct refresh refresh = begin_shared(new_files(), 1);
                uint64_t now = START + 2 * SEC;
                (void)ended(&refresh, outcomes[i], now);
                assert_in_range(refresh.due_usec, now + SEC / 4, now + SEC);
                assert_int_equal(refresh_cool_usec(&refresh, 1, now), refresh.due_usec);
        }
}

/* However long the answer took: the other one is claimed in the same step, or when the floor is over. */
static void test_a_key_that_another_one_is_asked_in_place_of(void **state)
{
        static const uint64_t took[] = { SEC / 5, 6 * SEC / 5 };
        static const enum exchange_outcome outcomes[] = { EXCHANGE_KEY_REFUSED, EXCHANGE_REQUEST_REFUSED,
                                                          EXCHANGE_MALFORMED };

        for (size_t i = 0; i < ARRAY_SIZE(took) * ARRAY_SIZE(outcomes); i++) {
                struct refresh refresh = begin_shared(new_files(), 2);
                uint64_t now = START + took[i % ARRAY_SIZE(took)];
                struct refresh_step step = ended(&refresh, outcomes[i / ARRAY_SIZE(took)], now);
                assert_int_equal(step.claim, now >= START + SEC);
                assert_int_equal(refresh_cool_usec(&refresh, 1, now), now + REFRESH_COOL_MAX_USEC);
        }
}

/* It is the last one whose answer may show that the upstream's trouble is over. */
static void test_the_last_of_a_round_until_the_next_attempt(void **state)
{
        struct refresh refresh = begin_shared(new_files(), 3);
        uint64_t now = START + 2 * SEC;

        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        assert_asked_next(&refresh, 2, now);
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now + 2 * SEC);
        assert_int_equal(refresh_cool_usec(&refresh, 2, now + 2 * SEC),
                         now + 2 * SEC + REFRESH_COOL_MAX_USEC);
        assert_asked_next(&refresh, 3, now + 2 * SEC);
        now += 4 * SEC;
        (void)ended(&refresh, EXCHANGE_REQUEST_REFUSED, now);
        assert_in_range(refresh.due_usec, now + SEC / 4, now + 8 * SEC);
        assert_int_equal(refresh_cool_usec(&refresh, 3, now), refresh.due_usec);
}

/* Others would have nothing else to go on with. */
static void test_a_key_beside_a_refused_one_until_the_next_attempt(void **state)
{
        struct refresh refresh = begin_shared(key_files(KEY_GOOD, KEY_REFUSED, KEY_GOOD), 2);
        uint64_t now = START + 2 * SEC;

        assert_true(ended(&refresh, EXCHANGE_REQUEST_REFUSED, now).claim);
        assert_int_equal(refresh.in_flight_key, 2);
        assert_in_range(refresh.due_usec, now + SEC / 4, now + SEC);
        assert_int_equal(refresh_cool_usec(&refresh, 1, now), refresh.due_usec);
}

/* A token of key 1 is in hand, and key 2, which is new, is tried at this time. */
static struct refresh begin_trial(uint64_t now)
{
        struct key_files files = key_files(KEY_GOOD, KEY_UNTRIED, KEY_UNTRIED);
        struct refresh refresh = begin_shared(files, 1);

        assert_true(granted(&refresh, 7200, 1, START + SEC, MIDDLE).adopted);
        assert_true(refresh_on_keys(&refresh, files.names, 2, now).claim);
        assert_asked_next(&refresh, 2, now);
        return refresh;
}

/* Its trial may come again in a day; that need is due at this moment is another matter. */
static void test_a_trial(void **state)
{
        uint64_t now = START + 60 * SEC;
        struct refresh refresh = begin_trial(now);

        now = refresh.due_usec;
        assert_true(ended(&refresh, EXCHANGE_REQUEST_REFUSED, now).claim);
        assert_int_equal(refresh.in_flight_key, 1);
        assert_int_equal(refresh_cool_usec(&refresh, 2, now), now + REFRESH_COOL_MAX_USEC);
}

static void test_a_trial_whose_token_is_not_adopted(void **state)
{
        uint64_t now = START + 60 * SEC;
        struct refresh refresh = begin_trial(now);

        assert_true(granted(&refresh, 3600, 2, now, MIDDLE).spared);
        assert_int_equal(refresh_cool_usec(&refresh, 2, now), now);
}

/* A trial that begins in the same moment is no attempt to get a token. */
static void test_a_trial_that_begins_is_no_next_attempt(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_UNTRIED, KEY_UNTRIED);
        struct refresh refresh = begin_shared(files, 1);
        uint64_t now;

        assert_true(granted(&refresh, 7200, 1, START + SEC, MIDDLE).adopted);
        now = refresh.due_usec;
        assert_true(refresh_on_timer(&refresh, now).claim);
        assert_asked_next(&refresh, 1, now);
        (void)refresh_on_keys(&refresh, files.names, 2, now);
        now += 2 * SEC;
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_int_equal(refresh.in_flight_key, 2);
        assert_int_equal(refresh.in_flight_share, REFRESH_SHARE_TRIAL);
        assert_in_range(refresh.due_usec, now + 30 * SEC, now + REFRESH_COOL_MAX_USEC);
        assert_int_equal(refresh_cool_usec(&refresh, 1, now), refresh.due_usec);
}

/* In the last tenth everything is asked again, this one as well: its turn is still to come. */
static void test_a_round_that_begins_anew(void **state)
{
        struct refresh refresh = begin_shared(good_files(), 2);
        uint64_t chance, now;

        assert_true(granted(&refresh, 7200, 1, START + SEC, MIDDLE).adopted);
        chance = refresh.last_chance_usec;
        assert_true(refresh_on_timer(&refresh, chance - 5 * SEC).claim);
        assert_asked_next(&refresh, 1, chance - 5 * SEC);
        now = chance + SEC;
        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, now);
        assert_true(refresh.round);
        assert_in_range(refresh_cool_usec(&refresh, 1, now), 0, now + 2 * SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_only_key_until_the_next_attempt),
                cmocka_unit_test(test_a_key_that_another_one_is_asked_in_place_of),
                cmocka_unit_test(test_the_last_of_a_round_until_the_next_attempt),
                cmocka_unit_test(test_a_key_beside_a_refused_one_until_the_next_attempt),
                cmocka_unit_test(test_a_trial),
                cmocka_unit_test(test_a_trial_whose_token_is_not_adopted),
                cmocka_unit_test(test_a_trial_that_begins_is_no_next_attempt),
                cmocka_unit_test(test_a_round_that_begins_anew),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
