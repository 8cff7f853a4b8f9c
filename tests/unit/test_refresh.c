/* The refresh machine, one short story per behaviour: tokens, failures, keys. What callers and operators may
 * is in test_refresh_callers.c. Longer lives are played in tests/scenario; that no order of events breaks a
 * promise is the business of the random histories there. */
#include "lib/refresh_words.h"
#include "tests/unit/refresh_story.h"

/* ---- keeping a token ---- */

static void test_no_key(void **state)
{
        struct refresh refresh;
        refresh_init(&refresh);
        struct refresh_step step = refresh_on_keys(&refresh, NULL, 0, START);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_KEYS);
        assert_true(step.wake_usec == USEC_NEVER);
        assert_true(refresh_next_usec(&refresh) == USEC_NEVER);
        assert_int_equal(refresh_on_demand(&refresh, 0, START, &step), REFRESH_NO_KEY);
        assert_int_equal(refresh_on_operator(&refresh, START, &step), REFRESH_NO_KEY);
        assert_int_equal(refresh_on_report(&refresh, 0, START, &step), REFRESH_NOT_CURRENT);
}

static void test_refresh_point(void **state)
{
        static const uint32_t lifetimes[] = { 1, 2, 59, 300, 7200, 604800, LIFETIME_MAX_SEC };
        for (size_t i = 0; i < ARRAY_SIZE(lifetimes); i++) {
                uint64_t life = lifetimes[i] * SEC;
                for (uint64_t random = 0; random <= UINT32_MAX; random += UINT32_MAX / 4) {
                        struct refresh refresh = begin(1);
                        struct refresh_step step =
                                granted(&refresh, lifetimes[i], 1, START + 1000, (uint32_t)random);
                        assert_true(step.adopted);
                        assert_in_range(refresh.refresh_point_usec, START + life / 10 * 6,
                                        START + life / 10 * 7);
                        assert_int_equal(refresh.expires_usec, START + life);
                        assert_true(step.wake_usec <= refresh.expires_usec);
                }
        }
}

static void test_life_counts_from_the_sending(void **state)
{
        struct refresh refresh = begin(1);
        (void)granted(&refresh, 300, 1, START + 14 * SEC, MIDDLE);
        assert_int_equal(refresh.expires_usec, START + 300 * SEC);
        assert_int_equal(refresh.attainable_sec, 286);
}

static void test_grant_that_comes_after_its_own_expiry(void **state)
{
        struct refresh refresh = begin(1);
        struct refresh_step step = granted(&refresh, 10, 1, START + 10 * SEC, MIDDLE);
        assert_false(step.adopted);
        assert_false(refresh.has_token);
        assert_true(step.wake_usec > START + 10 * SEC && step.wake_usec <= START + 11 * SEC);
        assert_true(keyring_find(&refresh.keyring, 1)->proven); /* the key is good all the same */
}

static void test_expiry_is_told_once(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t end = refresh.expires_usec;
        assert_true(refresh_on_timer(&refresh, refresh.refresh_point_usec).exchange);
        assert_int_equal(refresh_on_timer(&refresh, end - 1).wake_usec, end);
        assert_true(refresh_on_timer(&refresh, end).expired);
        assert_false(refresh_on_timer(&refresh, end).expired);
        assert_false(refresh.has_token);
}

static void test_early_timer_does_no_harm(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step = refresh_on_timer(&refresh, START + 2 * SEC);
        assert_false(step.exchange || step.expired || step.adopted);
        assert_int_equal(step.wake_usec, refresh.refresh_point_usec);
        assert_int_equal(refresh_next_usec(&refresh), refresh.refresh_point_usec);
}

/* ---- failures ---- */

static void test_failure_keeps_the_token(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t now = refresh.refresh_point_usec;
        assert_true(refresh_on_timer(&refresh, now).exchange);
        (void)ended(&refresh, EXCHANGE_MALFORMED, now + SEC);
        assert_true(refresh.has_token);
        assert_int_equal(refresh.token_serial, 1);
}

static void test_transient_backoff(void **state)
{
        static const unsigned sec[] = { 1, 2, 4, 8, 16, 32, 64, 115, 115 };
        struct refresh refresh = begin(1);
        uint64_t now = START;
        for (size_t i = 0; i < ARRAY_SIZE(sec); i++) {
                struct refresh_step step = ended(&refresh, EXCHANGE_UNAVAILABLE, now);
                assert_false(step.exchange);
                assert_int_equal(step.wake_usec, now + sec[i] * SEC);
                now = step.wake_usec;
                step = refresh_on_timer(&refresh, now);
                assert_true(step.exchange);
                assert_int_equal(step.reason, REFRESH_RETRY);
        }
}

static void test_time_outs_do_not_stretch_the_backoff(void **state)
{
        struct refresh refresh = begin(1);
        uint64_t sent = START;
        for (size_t i = 0; i < 20; i++) {
                struct refresh_step step = ended(&refresh, EXCHANGE_UNAVAILABLE, sent + 15 * SEC);
                assert_true(step.wake_usec > sent + 15 * SEC); /* a pause there is in any case */
                assert_true(step.wake_usec <= sent + 115 * SEC);
                sent = step.wake_usec;
                assert_true(refresh_on_timer(&refresh, sent).exchange);
        }
        /* A night of sleep in mid-exchange: the answer's arrival counts. */
        struct refresh_step step = ended(&refresh, EXCHANGE_UNAVAILABLE, sent + 9 * USEC_PER_HOUR);
        assert_true(step.wake_usec > sent + 9 * USEC_PER_HOUR + 30 * SEC);
}

static void test_slow_retry(void **state)
{
        static const unsigned sec[] = { 400, 800, 1600, 3200, 3600, 3600 };
        static const enum exchange_outcome slow[] = { EXCHANGE_MALFORMED, EXCHANGE_REQUEST_REFUSED };
        struct refresh refresh = begin(1);
        uint64_t now = START;
        for (size_t i = 0; i < ARRAY_SIZE(sec); i++) {
                struct refresh_step step = ended(&refresh, slow[i % 2], now);
                assert_int_equal(step.wake_usec, now + sec[i] * SEC);
                now = step.wake_usec;
                assert_true(refresh_on_timer(&refresh, now).exchange);
        }
        /* Something else in between: slow failures count from the start again. */
        now = ended(&refresh, EXCHANGE_UNAVAILABLE, now).wake_usec;
        assert_true(refresh_on_timer(&refresh, now).exchange);
        assert_int_equal(ended(&refresh, EXCHANGE_MALFORMED, now).wake_usec, now + 400 * SEC);
}

static void test_retry_after(void **state)
{
        static const struct {
                uint32_t told, waits; /* with all the jitter there can be */
        } cases[] = { { 0, 1 }, { 40, 50 }, { 3600, 3700 }, { 3601, 3700 }, { UINT32_MAX - 1, 3700 } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct refresh refresh = begin(1);
                struct refresh_step step = throttled(&refresh, cases[i].told, START);
                assert_int_equal(step.wake_usec, START + cases[i].waits * SEC);
                assert_true(refresh_on_timer(&refresh, step.wake_usec).exchange);
        }
        struct refresh refresh = begin(1);
        assert_int_equal(throttled(&refresh, RETRY_AFTER_NONE, START).wake_usec, START + 16 * SEC);
}

static void test_operator_cannot_pass_retry_after(void **state)
{
        struct refresh refresh = begin(1);
        struct refresh_step step = throttled(&refresh, 600, START);
        enum refresh_limit limit;
        assert_int_equal(refresh_on_operator(&refresh, START + 300 * SEC, &step), REFRESH_TOO_SOON);
        assert_false(step.exchange);
        assert_int_equal(refresh_limited_until(&refresh, &limit), START + 700 * SEC);
        assert_int_equal(limit, REFRESH_LIMIT_RETRY_AFTER);
        assert_int_equal(refresh_on_operator(&refresh, START + 700 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

static void test_early_failure_does_not_delay_the_refresh(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;
        uint64_t point = refresh.refresh_point_usec;
        assert_int_equal(refresh_on_operator(&refresh, point - 60 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        step = ended(&refresh, EXCHANGE_MALFORMED, point - 59 * SEC); /* by itself: 400 s */
        assert_int_equal(step.wake_usec, point);
        assert_int_equal(step.reason, REFRESH_DUE);
        assert_true(refresh_on_timer(&refresh, point).exchange);
        /* Past the refresh point there is nothing but the slow retry. */
        step = ended(&refresh, EXCHANGE_MALFORMED, point + SEC);
        assert_int_equal(step.wake_usec, point + SEC + 800 * SEC);
}

/* ---- keys ---- */

static void test_new_key_ends_the_wait_for_a_first_token(void **state)
{
        struct refresh refresh = begin(1);
        struct key_name names[] = { { 1, false, "1-main" }, { 2, false, "2-spare" } };
        assert_false(ended(&refresh, EXCHANGE_MALFORMED, START + SEC).exchange);
        /* The same keys as before are no news. */
        assert_false(refresh_on_keys(&refresh, names, 1, START + 2 * SEC).exchange);
        struct refresh_step step = refresh_on_keys(&refresh, names, 2, START + 2 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_FIRST);
}

static void test_new_spare_waits_while_a_token_lives(void **state)
{
        struct refresh refresh = with_token(1);
        struct key_name names[] = { { 1, false, "1-main" }, { 2, false, "2-spare" } };
        struct refresh_step step = refresh_on_keys(&refresh, names, 2, START + 2 * SEC);
        assert_false(step.exchange); /* it replaces nothing, so there is nothing to prove */
        assert_int_equal(step.wake_usec, refresh.refresh_point_usec);
}

static void test_refused_key_gives_way_to_the_spare(void **state)
{
        struct refresh refresh = begin(2);
        struct refresh_step step = ended(&refresh, EXCHANGE_KEY_REFUSED, START + SEC / 2);
        assert_false(step.exchange); /* the floor */
        assert_int_equal(step.limit, REFRESH_LIMIT_FLOOR);
        assert_int_equal(step.wake_usec, START + SEC);
        step = refresh_on_timer(&refresh, START + SEC);
        assert_true(step.exchange);
        assert_int_equal(step.key_serial, 2);
}

static void test_all_keys_refused(void **state)
{
        struct refresh refresh = begin(1);
        struct refresh_step step = ended(&refresh, EXCHANGE_KEY_REFUSED, START + SEC / 2);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_KEYS); /* the floor holds too, but is over sooner */
        assert_int_equal(step.wake_usec, START + SEC / 2 + 15 * USEC_PER_MIN);
        assert_int_equal(refresh_on_operator(&refresh, START + 2 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange); /* an operator ends the rest */
        assert_int_equal(step.reason, REFRESH_OPERATOR);
}

static void test_changed_key_is_tried_and_the_token_stays(void **state)
{
        struct refresh refresh = with_token(1);
        struct key_name changed = { .serial = 3, .label = "1-main" };
        uint64_t now = START + 60 * SEC;
        struct refresh_step step = refresh_on_keys(&refresh, &changed, 1, now);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        assert_int_equal(step.key_serial, 3);

        uint64_t point = refresh.refresh_point_usec;
        step = ended(&refresh, EXCHANGE_KEY_REFUSED, now + SEC);
        assert_false(step.exchange);
        assert_true(refresh.has_token);
        assert_int_equal(step.wake_usec, point); /* the schedule stands as it was */
        step = refresh_on_timer(&refresh, point);
        assert_int_equal(step.key_serial, 3); /* its rest is over */
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, point + SEC / 2);
        assert_int_equal(refresh_on_timer(&refresh, point + SEC).key_serial, 1);
}

static void test_trial_uses_the_changed_spare(void **state)
{
        struct refresh refresh = begin(2);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, START);
        assert_int_equal(refresh_on_timer(&refresh, START + SEC).key_serial, 2);
        (void)granted(&refresh, 7200, 1, START + SEC, MIDDLE);
        uint64_t now = START + 2 * USEC_PER_HOUR;
        assert_int_equal(refresh_on_timer(&refresh, now - USEC_PER_MIN).key_serial, 1);
        (void)granted(&refresh, 7200, 2, now, MIDDLE); /* both are proven now */

        struct key_name names[] = { { 1, false, "1-main" }, { 4, false, "2-spare" } };
        struct refresh_step step = refresh_on_keys(&refresh, names, 2, now + SEC);
        assert_true(step.exchange);
        assert_int_equal(step.key_serial, 4);
        assert_true(granted(&refresh, 7200, 3, now + 2 * SEC, MIDDLE).adopted);
        assert_null(keyring_find(&refresh.keyring, 2));
}

static void test_key_gone_in_flight(void **state)
{
        struct refresh refresh = begin(1);
        assert_false(refresh_on_keys(&refresh, NULL, 0, START + 1).exchange);
        struct refresh_step step = granted(&refresh, 7200, 1, START + SEC, MIDDLE);
        assert_true(step.adopted);                              /* a token is a token */
        assert_int_equal(step.wake_usec, refresh.expires_usec); /* no key: only its end is to come */
        assert_true(refresh_on_timer(&refresh, refresh.expires_usec).expired);
}

static void test_words(void **state)
{
        for (int i = 0; i < _REFRESH_REASON_COUNT; i++) {
                assert_non_null(refresh_reason_name((enum refresh_reason)i));
        }
        assert_string_equal(refresh_reason_name(REFRESH_TRIAL), "trial");
        assert_string_equal(refresh_limit_name(REFRESH_UNLIMITED), "none");
        assert_string_equal(refresh_limit_name(REFRESH_LIMIT_KEYS), "keys");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_key),
                cmocka_unit_test(test_refresh_point),
                cmocka_unit_test(test_life_counts_from_the_sending),
                cmocka_unit_test(test_grant_that_comes_after_its_own_expiry),
                cmocka_unit_test(test_expiry_is_told_once),
                cmocka_unit_test(test_early_timer_does_no_harm),
                cmocka_unit_test(test_failure_keeps_the_token),
                cmocka_unit_test(test_transient_backoff),
                cmocka_unit_test(test_time_outs_do_not_stretch_the_backoff),
                cmocka_unit_test(test_slow_retry),
                cmocka_unit_test(test_retry_after),
                cmocka_unit_test(test_operator_cannot_pass_retry_after),
                cmocka_unit_test(test_early_failure_does_not_delay_the_refresh),
                cmocka_unit_test(test_new_key_ends_the_wait_for_a_first_token),
                cmocka_unit_test(test_new_spare_waits_while_a_token_lives),
                cmocka_unit_test(test_refused_key_gives_way_to_the_spare),
                cmocka_unit_test(test_all_keys_refused),
                cmocka_unit_test(test_changed_key_is_tried_and_the_token_stays),
                cmocka_unit_test(test_trial_uses_the_changed_spare),
                cmocka_unit_test(test_key_gone_in_flight),
                cmocka_unit_test(test_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
