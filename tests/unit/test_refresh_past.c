/* The memory that a refresh machine leaves to the next one, told as short stories. */
#include "lib/refresh_past.h"
#include "tests/unit/refresh_story.h"

static const struct key_name main_key = { .serial = 1, .label = "1-main" };

static enum refresh_verdict report(struct refresh *refresh, uint64_t serial, uint64_t now,
                                   struct refresh_step *ret_step)
{
        struct refresh_obstacle obstacle;
        return refresh_on_report(refresh, serial, now, ret_step, &obstacle);
}

static enum refresh_verdict operator(struct refresh *refresh, uint64_t now, struct refresh_step *ret_step) {
        struct refresh_obstacle obstacle;
        return refresh_on_operator(refresh, false, now, ret_step, &obstacle);
}

/* A machine that takes over from this one, with its token if it has one. */
static struct refresh successor(const struct refresh *refresh)
{
        struct refresh next;
        struct refresh_past past;
        struct refresh_token token = { 0 };

        refresh_leave(refresh, &past, &token);
        token.life_usec = 7200 * SEC;
        refresh_init(&next);
        refresh_restore(&next, &past, refresh->has_token ? &token : NULL, 1);
        return next;
}

static void test_token_goes_on_without_an_exchange(void **state)
{
        struct refresh before = with_token(1), after = successor(&before);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 10 * SEC);
        assert_false(step.exchange);
        assert_true(after.has_token);
        assert_int_equal(step.wake_usec, START + 40 * SEC); /* a trial, as the key is not known */
        assert_true(after.expires_usec == before.expires_usec);
        assert_int_equal(after.attainable_sec, before.attainable_sec);
}

static void test_refresh_point_that_has_passed_is_due(void **state)
{
        struct refresh before = with_token(1), after = successor(&before);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 6000 * SEC);
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_DUE);
        assert_true(after.has_token);
}

static void test_tokens_outlive_keys(void **state)
{
        static const struct key_name changed = { .serial = 7, .label = "1-main" };
        struct refresh before = with_token(1), after = successor(&before);
        struct refresh_step step = refresh_on_keys(&after, &changed, 1, START + 40 * SEC);
        assert_false(step.exchange);
        assert_true(after.has_token);
        assert_int_equal(step.wake_usec, START + 70 * SEC); /* its trial, half a minute after the start */
        step = refresh_on_timer(&after, START + 70 * SEC);
        assert_int_equal(step.reason, REFRESH_TRIAL);
        assert_int_equal(step.key_serial, 7);
}

static void test_last_chance_is_told_by_the_life(void **state)
{
        struct refresh before = with_token(1), after = successor(&before);
        assert_int_equal(after.last_chance_usec, START + 6480 * SEC);
}

static void test_known_keys_are_known(void **state)
{
        struct key_name key = main_key;
        struct refresh before = with_token(1), after = successor(&before);
        key.known = keyring_find(&before.keyring, 1)->known;
        struct refresh_step step = refresh_on_keys(&after, &key, 1, START + 10 * SEC);
        assert_int_equal(keyring_find(&after.keyring, 1)->known.standing, KEY_GOOD);
        assert_int_equal(step.wake_usec, before.refresh_point_usec);
}

static void test_patience_with_refused_keys_goes_on(void **state)
{
        struct key_name key = main_key;
        struct refresh before = begin(1);
        uint64_t now = START;
        while (now < START + USEC_PER_HOUR) {
                now = ended(&before, EXCHANGE_KEY_REFUSED, now).wake_usec;
                (void)refresh_on_timer(&before, now);
        }
        (void)ended(&before, EXCHANGE_KEY_REFUSED, now);
        struct refresh after = successor(&before);
        key.known = keyring_find(&before.keyring, 1)->known;
        now += 5 * SEC;
        assert_true(refresh_on_keys(&after, &key, 1, now).exchange); /* a start asks once */
        assert_int_equal(ended(&after, EXCHANGE_KEY_REFUSED, now).wake_usec, now + 15 * USEC_PER_MIN);
        key.serial = 2;
        key.known = (struct key_knowledge){ 0 };
        assert_true(refresh_on_keys(&after, &key, 1, now + SEC).exchange); /* one that is new may help */
        assert_int_equal(after.unauthorized_usec, 0);
}

static void test_without_a_token_the_floor_holds(void **state)
{
        struct refresh before = begin(1), after = successor(&before);
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

        for (unsigned n = 0; n < REFRESH_WISH_SHARE; n++) {
                assert_int_equal(operator(&before, now, &step), REFRESH_UNDER_WAY);
                assert_true(step.exchange);
                (void)granted(&before, 7200, 2, now, MIDDLE);
                now += SEC;
        }
        after = successor(&before);
        assert_int_equal(refresh_sent_last_hour(&after, now), 1 + REFRESH_WISH_SHARE);
        (void)refresh_on_keys(&after, &main_key, 1, now);
        assert_int_equal(operator(&after, now, &step), REFRESH_TOO_SOON);
        /* The oldest leaves the hour. */
        assert_int_equal(operator(&after, START + 3602 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
}

/* Known keys are not tried once more because of a restart. */
static void test_refused_and_new_keys(void **state)
{
        struct key_files files = key_files(KEY_GOOD, KEY_REFUSED, KEY_UNTRIED);
        struct refresh before = with_token(1), after = successor(&before);
        (void)refresh_on_keys(&after, files.names, 3, START + 10 * SEC);
        assert_int_equal(cause(&after, 2), KEY_UNAUTHORIZED);
        assert_fails(&after, START + 40 * SEC, 3, EXCHANGE_KEY_REFUSED); /* after the wait of a start */
        assert_int_equal(asks(&after, START + 41 * SEC), 0);
}

static void test_ring_that_went_round_keeps_its_order(void **state)
{
        struct refresh before = with_token(1), after, again;
        struct refresh_past first, second;
        struct refresh_token token;
        struct refresh_step step;

        for (uint64_t i = 1; i <= REFRESH_HOURLY_BUDGET + 7; i++) {
                (void)operator(&before, START + i * 1000 * SEC, &step);
                assert_true(step.exchange);
                (void)granted(&before, 7200, i, START + i * 1000 * SEC, MIDDLE);
        }
        after = successor(&before);
        again = successor(&after);
        refresh_leave(&before, &first, &token);
        refresh_leave(&again, &second, &token);
        assert_int_equal(first.n_sent, REFRESH_HOURLY_BUDGET);
        assert_true(first.sent[0].usec == START + 8000 * SEC);
        assert_int_equal(first.sent[0].share, REFRESH_SHARE_OPERATOR);
        assert_int_equal(second.n_sent, first.n_sent);
        for (size_t i = 0; i < first.n_sent; i++) { /* one by one, as there is a gap in each */
                assert_true(second.sent[i].usec == first.sent[i].usec);
                assert_int_equal(second.sent[i].share, first.sent[i].share);
        }
        assert_true(second.retry_after_usec == first.retry_after_usec);
        assert_true(second.reported_usec == first.reported_usec);
}

static void test_unsent_leaves_nothing(void **state)
{
        struct refresh before = begin(1);
        struct refresh_outcome unsent = { .outcome = EXCHANGE_UNAVAILABLE,
                                          .retry_after_sec = RETRY_AFTER_NONE,
                                          .unsent = true };
        struct refresh_past past;
        struct refresh_token token;
        (void)refresh_on_outcome(&before, &unsent, START, MIDDLE);
        refresh_leave(&before, &past, &token);
        assert_int_equal(past.n_sent, 0);
}

static void test_reported_token_stays_reported(void **state)
{
        struct refresh before = with_token(1);
        struct refresh_step step;
        uint64_t now = START + 60 * SEC;

        assert_int_equal(report(&before, 1, now, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        struct refresh after = successor(&before);
        step = refresh_on_keys(&after, &main_key, 1, now + 60 * SEC); /* which is made up for */
        assert_true(step.exchange);
        assert_int_equal(step.reason, REFRESH_RETRY);
        assert_int_equal(report(&after, 1, now + 60 * SEC, &step), REFRESH_UNDER_WAY);
        (void)granted(&after, 7200, 2, now + 60 * SEC, MIDDLE);
        after = successor(&after);
        assert_false(refresh_on_keys(&after, &main_key, 1, now + 62 * SEC).exchange);
}

static void test_upstreams_wish_stands(void **state)
{
        struct refresh before = begin(1);
        (void)throttled(&before, 600, START + SEC);
        struct refresh after = successor(&before);
        struct refresh_step step = refresh_on_keys(&after, &main_key, 1, START + 2 * SEC);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_RETRY_AFTER);
        assert_true(step.wake_usec >= START + 601 * SEC);
}

static void test_another_upstream_is_no_way_round_the_limits(void **state)
{
        struct refresh refresh = with_token(1);
        struct refresh_step step;

        assert_int_equal(report(&refresh, 1, START + 60 * SEC, &step), REFRESH_UNDER_WAY);
        assert_true(step.exchange);
        refresh_move(&refresh);
        assert_false(refresh.has_token || refresh.in_flight);
        assert_int_equal(refresh_sent_last_hour(&refresh, START + 60 * SEC), 2);
        step = refresh_on_keys(&refresh, &main_key, 1, START + 60 * SEC + SEC / 2);
        assert_false(step.exchange);
        assert_int_equal(step.limit, REFRESH_LIMIT_FLOOR);
        assert_true(refresh_on_timer(&refresh, START + 61 * SEC).exchange);
}

static void test_another_upstream_has_wishes_of_its_own(void **state)
{
        struct refresh refresh = begin(1);
        (void)throttled(&refresh, 600, START + SEC);
        refresh.unauthorized_usec = START;
        refresh_move(&refresh);
        assert_int_equal(refresh.unauthorized_usec, 0);
        assert_true(refresh_on_keys(&refresh, &main_key, 1, START + 2 * SEC).exchange);
}

static void test_another_upstream_has_answered_nothing_yet(void **state)
{
        struct refresh refresh = begin(1);
        (void)ended(&refresh, EXCHANGE_KEY_REFUSED, START);
        assert_int_equal(refresh.unauthorized_usec, START);
        refresh_move(&refresh);
        assert_int_equal(refresh.unauthorized_usec, 0);
}

static void test_times_to_come_are_impossible(void **state)
{
        struct refresh_past past = { .n_sent = 1 };
        past.sent[0].usec = START;
        assert_true(refresh_past_possible(&past, START));
        assert_false(refresh_past_possible(&past, START - 1));
        past.reported_usec = START + 1;
        assert_false(refresh_past_possible(&past, START));
        past.reported_usec = 0;
        past.unauthorized_usec = START + 1;
        assert_false(refresh_past_possible(&past, START));
        past.unauthorized_usec = 0;
        past.retry_after_usec = START + RETRY_AFTER_MAX_SEC * SEC + RETRY_AFTER_SPREAD_USEC;
        assert_true(refresh_past_possible(&past, START));
        past.retry_after_usec++;
        assert_false(refresh_past_possible(&past, START));
        past = (struct refresh_past){ 0 };
        assert_true(refresh_past_possible(&past, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_token_goes_on_without_an_exchange),
                cmocka_unit_test(test_refresh_point_that_has_passed_is_due),
                cmocka_unit_test(test_tokens_outlive_keys),
                cmocka_unit_test(test_last_chance_is_told_by_the_life),
                cmocka_unit_test(test_known_keys_are_known),
                cmocka_unit_test(test_patience_with_refused_keys_goes_on),
                cmocka_unit_test(test_without_a_token_the_floor_holds),
                cmocka_unit_test(test_budget_counts_on),
                cmocka_unit_test(test_refused_and_new_keys),
                cmocka_unit_test(test_ring_that_went_round_keeps_its_order),
                cmocka_unit_test(test_unsent_leaves_nothing),
                cmocka_unit_test(test_reported_token_stays_reported),
                cmocka_unit_test(test_upstreams_wish_stands),
                cmocka_unit_test(test_another_upstream_is_no_way_round_the_limits),
                cmocka_unit_test(test_another_upstream_has_wishes_of_its_own),
                cmocka_unit_test(test_another_upstream_has_answered_nothing_yet),
                cmocka_unit_test(test_times_to_come_are_impossible),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
