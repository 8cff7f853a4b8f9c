/* The refresh machine, one short story per behaviour: a token is got and kept, failures, keys that go.
 * Retry-After and the last chance: test_refresh_limits.c. Whose fault a failure is: test_refresh_rounds.c.
 * Nothing but 401: test_refresh_patience.c.
 * How keys become known: test_refresh_trials.c. Wishes of callers and operators: test_refresh_callers.c.
 * Longer lives are played in tests/scenario; that no order of events breaks a promise is the business of the
 * random histories there. */
#include "lib/refresh_words.h"
#include "tests/unit/refresh_story.h"

/* ---- keeping a token ---- */

static void test_no_key(void **state)
{
        struct refresh refresh;
        refresh_init(&refresh);
        struct refresh_step step = refresh_on_keys(&refresh, NULL, 0, START);
        assert_false(step.exchange || step.off);
        assert_int_equal(step.limit, REFRESH_LIMIT_KEYS);
        assert_true(step.wake_usec == USEC_NEVER);
        assert_true(refresh_next_usec(&refresh) == USEC_NEVER);
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

/* The budget bears one in 3600/44 s: a shorter life leaves a gap, an hour's budget does not end at once. */
static void test_short_lives_are_spread_over_the_budget(void **state)
{
        struct refresh refresh = with_life(new_files(), 1, 60);
        assert_in_range(refresh.refresh_point_usec, START + 36 * SEC, START + 42 * SEC);
        assert_int_equal(asks(&refresh, refresh.refresh_point_usec), 0);
        assert_in_range(refresh_next_usec(&refresh), START + 81818181, START + 81818182);
        struct refresh_step step = refresh_on_timer(&refresh, START + 60 * SEC);
        assert_true(step.expired);
        assert_int_equal(step.wake_usec, refresh_next_usec(&refresh));
        assert_int_equal(asks(&refresh, step.wake_usec), 1);
}

static void test_grant_that_comes_after_its_own_expiry(void **state)
{
        struct refresh refresh = begin(1);
        struct refresh_step step = granted(&refresh, 10, 1, START + 10 * SEC, MIDDLE);
        assert_false(step.adopted);
        assert_false(refresh.has_token);
        assert_true(step.wake_usec > START + 10 * SEC && step.wake_usec <= START + 11 * SEC);
        assert_int_equal(standing(&refresh, 1), KEY_GOOD); /* all the same */
}

static void test_late_grant_ends_its_wish(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        (void)refresh_on_operator(&refresh, false, START + 60 * SEC, &step, &obstacle);
        step = granted(&refresh, 5, 2, START + 66 * SEC, MIDDLE);
        assert_false(step.adopted || step.exchange);
        assert_int_equal(refresh_on_timer(&refresh, step.wake_usec).reason, REFRESH_RETRY);
}

static void test_expiry_is_told_once(void **state)
{
        struct refresh refresh = with_token(1);
        uint64_t end = refresh.expires_usec;
        assert_int_equal(asks(&refresh, refresh.refresh_point_usec), 1);
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
        for (int outcome = EXCHANGE_GRANTED + 1; outcome < _EXCHANGE_OUTCOME_COUNT; outcome++) {
                struct refresh refresh = with_token(1);
                assert_fails(&refresh, refresh.refresh_point_usec, 1, (enum exchange_outcome)outcome);
                assert_true(refresh.has_token);
                assert_int_equal(refresh.token_serial, 1);
        }
}

/* Whatever fails, with a single key nothing else can be asked: the waits are the same. */
static void test_backoff(void **state)
{
        static const unsigned sec[] = { 1, 2, 4, 8, 16, 32, 64, 115, 115 };
        static const enum exchange_outcome outcomes[] = { EXCHANGE_UNAVAILABLE, EXCHANGE_MALFORMED,
                                                          EXCHANGE_REQUEST_REFUSED, EXCHANGE_KEY_REFUSED,
                                                          EXCHANGE_OTHER_ACCOUNT };
        for (size_t o = 0; o < ARRAY_SIZE(outcomes); o++) {
                struct refresh refresh = begin(1);
                uint64_t now = START;
                for (size_t i = 0; i < ARRAY_SIZE(sec); i++) {
                        struct refresh_step step = ended(&refresh, outcomes[o], now);
                        assert_false(step.exchange);
                        assert_int_equal(step.wake_usec, now + sec[i] * SEC);
                        assert_int_equal(refresh_next_usec(&refresh), step.wake_usec);
                        now = step.wake_usec;
                        step = refresh_on_timer(&refresh, now);
                        assert_true(step.exchange);
                        assert_int_equal(step.reason, REFRESH_RETRY);
                }
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
                assert_int_equal(asks(&refresh, sent), 1);
        }
        /* A night of sleep in mid-exchange: the answer's arrival counts. */
        struct refresh_step step = ended(&refresh, EXCHANGE_UNAVAILABLE, sent + 9 * USEC_PER_HOUR);
        assert_true(step.wake_usec > sent + 9 * USEC_PER_HOUR + 30 * SEC);
}

static void test_early_failure_does_not_delay_the_refresh(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_obstacle obstacle;
        struct refresh_step step;
        uint64_t point = refresh.refresh_point_usec;
        (void)refresh_on_operator(&refresh, false, point - 10 * SEC, &step, &obstacle);
        assert_true(step.exchange);
        step = throttled(&refresh, RETRY_AFTER_NONE, point - 9 * SEC); /* by itself: 16 s */
        assert_int_equal(step.wake_usec, point);
        assert_int_equal(step.reason, REFRESH_DUE);
        assert_int_equal(asks(&refresh, point), 1);
}

/* ---- keys that go ---- */

static void test_key_gone_in_flight(void **state)
{
        struct key_name corrected = { .serial = 4, .label = "1-main" };
        struct refresh refresh = begin(1);
        struct refresh_step step = refresh_on_keys(&refresh, &corrected, 1, START + SEC / 2);
        assert_true(step.cancel);
        assert_false(step.exchange);
        assert_int_equal(asks(&refresh, START + SEC), 4);
        assert_int_equal(refresh_sent_last_hour(&refresh, START + SEC), 2); /* it stays counted */
}

static void test_kept_key_goes_on_in_flight(void **state)
{
        struct key_name changed = { .serial = 4, .label = "1-main" };
        struct refresh refresh = begin_with(good_files(), 1);
        assert_false(refresh_on_keys(&refresh, &changed, 1, START + SEC / 2).cancel);
        assert_true(granted(&refresh, 7200, 1, START + SEC, MIDDLE).adopted);
}

static void test_off_without_a_key_file(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = with_token(2);
        struct refresh_step step = refresh_on_keys(&refresh, NULL, 0, START + 100 * SEC);
        assert_int_equal(step.wake_usec, START + 110 * SEC);
        assert_false(refresh_on_timer(&refresh, START + 110 * SEC - 1).off);
        assert_true(refresh.has_token);
        assert_true(refresh_on_timer(&refresh, START + 110 * SEC).off);
        assert_false(refresh.has_token);
        assert_false(refresh_on_timer(&refresh, START + 111 * SEC).off); /* told once */
        assert_int_equal(refresh_sent_last_hour(&refresh, START + 111 * SEC), 1);
        step = refresh_on_keys(&refresh, files.names, 2, START + 200 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_FIRST);
        assert_int_equal(standing(&refresh, 1), KEY_UNTRIED); /* nothing is known any more */
}

/* Nothing was restored but what was sent: of an earlier process there may be an account to forget. */
/* No key does not mean no file: nobody has removed what cannot be read. */
static void test_not_off_while_a_file_cannot_be_read(void **state)
{
        struct refresh refresh = with_token(1);
        refresh.files_unusable = true;
        struct refresh_step step = refresh_on_keys(&refresh, NULL, 0, START + 60 * SEC);
        assert_int_equal(step.wake_usec, refresh.expires_usec);
        step = refresh_on_timer(&refresh, START + 120 * SEC);
        assert_false(step.off || step.expired);
        assert_true(refresh.has_token);
        /* From the moment when it is gone as well, ten seconds count. */
        refresh.files_unusable = false;
        (void)refresh_on_keys(&refresh, NULL, 0, START + 120 * SEC);
        assert_false(refresh_on_timer(&refresh, START + 130 * SEC - 1).off);
        assert_true(refresh_on_timer(&refresh, START + 130 * SEC).off);
}

static void test_off_after_a_restart(void **state)
{
        static const struct refresh_sent sent = { START - SEC, REFRESH_SHARE_NEED };
        struct refresh refresh;
        refresh_init(&refresh);
        refresh_budget_restore(&refresh.budget, &sent, 1);
        assert_int_equal(refresh_on_keys(&refresh, NULL, 0, START).wake_usec, START + 10 * SEC);
        assert_true(refresh_on_timer(&refresh, START + 10 * SEC).off);
        assert_true(refresh_on_keys(&refresh, NULL, 0, START + 20 * SEC).wake_usec == USEC_NEVER); /* once */
}

static void test_key_file_that_comes_back_in_time(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = with_token(1);
        (void)refresh_on_keys(&refresh, NULL, 0, START + 100 * SEC);
        (void)refresh_on_keys(&refresh, files.names, 1, START + 109 * SEC);
        assert_false(refresh_on_timer(&refresh, START + 200 * SEC).off);
        assert_true(refresh.has_token);
}

static void test_retry_after_outlives_an_off(void **state)
{
        struct key_files files = new_files();
        struct refresh refresh = begin(1);
        (void)throttled(&refresh, 400, START);
        (void)refresh_on_keys(&refresh, NULL, 0, START + 10 * SEC);
        assert_true(refresh_on_timer(&refresh, START + 20 * SEC).off);
        struct refresh_step step = refresh_on_keys(&refresh, files.names, 1, START + 30 * SEC);
        assert_int_equal(step.limit, REFRESH_LIMIT_RETRY_AFTER);
        assert_int_equal(asks(&refresh, START + 500 * SEC), 1);
}

static void test_words(void **state)
{
        for (int i = 0; i < _REFRESH_REASON_COUNT; i++) {
                assert_non_null(refresh_reason_name((enum refresh_reason)i));
        }
        for (int i = 0; i < _REFRESH_LIMIT_COUNT; i++) {
                assert_non_null(refresh_limit_name((enum refresh_limit)i));
        }
        assert_string_equal(refresh_reason_name(REFRESH_COMPARED), "compared");
        assert_string_equal(refresh_limit_name(REFRESH_UNLIMITED), "none");
        assert_string_equal(refresh_limit_name(REFRESH_LIMIT_GAP), "gap");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_key),
                cmocka_unit_test(test_refresh_point),
                cmocka_unit_test(test_life_counts_from_the_sending),
                cmocka_unit_test(test_short_lives_are_spread_over_the_budget),
                cmocka_unit_test(test_grant_that_comes_after_its_own_expiry),
                cmocka_unit_test(test_late_grant_ends_its_wish),
                cmocka_unit_test(test_expiry_is_told_once),
                cmocka_unit_test(test_early_timer_does_no_harm),
                cmocka_unit_test(test_failure_keeps_the_token),
                cmocka_unit_test(test_backoff),
                cmocka_unit_test(test_time_outs_do_not_stretch_the_backoff),
                cmocka_unit_test(test_early_failure_does_not_delay_the_refresh),
                cmocka_unit_test(test_key_gone_in_flight),
                cmocka_unit_test(test_kept_key_goes_on_in_flight),
                cmocka_unit_test(test_off_without_a_key_file),
                cmocka_unit_test(test_not_off_while_a_file_cannot_be_read),
                cmocka_unit_test(test_off_after_a_restart),
                cmocka_unit_test(test_key_file_that_comes_back_in_time),
                cmocka_unit_test(test_retry_after_outlives_an_off),
                cmocka_unit_test(test_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
