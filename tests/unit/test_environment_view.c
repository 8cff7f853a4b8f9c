/* The reason that is told where there is no token. */
#include "lib/environment_view.h"
#include "lib/settings_remark.h"
#include "tests/unit/refresh_story.h"

#include <stdio.h>

#define HOUR     (3600 * SEC)
#define SLEPT    "the latest token ended before there was another one, as when this host sleeps"
#define PATIENCE "the upstream asked for patience (Retry-After)"
#define OTHERS                                                                                              \
        "other brokers that share the store are about to get a token, or have just tried in vain; next "    \
        "attempt "

static struct environment_view view_of(const struct refresh *refresh, uint64_t last_refresh_usec)
{
        return (struct environment_view){ .name = "sandbox",
                                          .refresh = *refresh,
                                          .last_refresh_usec = last_refresh_usec };
}

/* Of the latest exchange that failed, a trial's or not. */
static void note_trouble(struct environment_view *view, const char *label, enum exchange_outcome outcome,
                         uint64_t now)
{
        view->trouble = (struct environment_trouble){ .any = true, .outcome = outcome, .at_usec = now };
        (void)snprintf(view->trouble.key_label, sizeof(view->trouble.key_label), "%s", label);
        (void)snprintf(view->trouble.why, sizeof(view->trouble.why), "it said no");
}

static void assert_why(const struct environment_view *view, uint64_t now, const char *expected)
{
        char why[ENVIRONMENT_WHY_MAX];

        assert_string_equal(environment_view_why(view, NULL, now, why), expected);
}

static void test_a_failure_is_the_reason(void **state)
{
        struct refresh refresh = begin(1);
        struct environment_view view;

        (void)ended(&refresh, EXCHANGE_UNAVAILABLE, START);
        view = view_of(&refresh, 0);
        note_trouble(&view, "1-main", EXCHANGE_UNAVAILABLE, START);
        assert_why(&view, START,
                   "the upstream is not available (key 1-main): it said no; next attempt in 1s");
        assert_int_equal(asks(&view.refresh, START + SEC), 1);
        assert_why(&view, START + SEC,
                   "the upstream is not available (key 1-main): it said no; an attempt is under way");
}

static void test_the_first_answer_is_waited_for(void **state)
{
        const struct refresh refresh = begin(1);
        const struct environment_view view = view_of(&refresh, 0);

        assert_why(&view, START + SEC, "waiting for the upstream's first answer");
}

/* There is none for some seconds each time; a failure of last week has nothing to do with it. */
static void test_a_short_life_is_the_reason_and_not_a_trouble_that_is_over(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 60);
        struct environment_view view;

        assert_true(refresh_on_timer(&refresh, START + 60 * SEC).expired);
        view = view_of(&refresh, START + SEC);
        assert_why(&view, START + 70 * SEC, LIFETIME_WAS_SHORT "; next attempt in 11s");
        note_trouble(&view, "1-main", EXCHANGE_UNAVAILABLE, SEC);
        assert_why(&view, START + 70 * SEC, LIFETIME_WAS_SHORT "; next attempt in 11s");
        assert_int_equal(asks(&view.refresh, START + 82 * SEC), 1);
        assert_why(&view, START + 82 * SEC, LIFETIME_WAS_SHORT "; an attempt is under way");
}

/* In the evening a spare's trial was refused; nothing is wrong with the key in use. */
static void test_a_night_is_the_reason_and_not_a_trial(void **state)
{
        struct refresh refresh = with_life(good_files(), 1, 7200);
        struct environment_view view;
        uint64_t morning = START + 10 * HOUR;

        view = view_of(&refresh, START + SEC);
        note_trouble(&view, "2-spare", EXCHANGE_KEY_REFUSED, START + 60 * SEC);
        assert_why(&view, morning, SLEPT);
        assert_int_equal(asks(&view.refresh, morning), 1);
        assert_why(&view, morning, SLEPT "; an attempt is under way");
        (void)ended(&view.refresh, EXCHANGE_UNAVAILABLE, morning);
        note_trouble(&view, "1-main", EXCHANGE_UNAVAILABLE, morning);
        assert_why(&view, morning,
                   "the upstream is not available (key 1-main): it said no; next attempt in 1s");
}

/* One that came with the answer to a trial stands against all. */
static void test_patience_is_the_reason_until_it_ends(void **state)
{
        struct key_files files = good_files();
        struct refresh refresh = with_life(files, 1, 7200);
        struct environment_view view;
        uint64_t now = START + 7190 * SEC;

        refresh.retry_after_usec = now + 600 * SEC;
        view = view_of(&refresh, START + SEC);
        assert_why(&view, now + 500 * SEC, PATIENCE "; next attempt in 1min 40s");
        assert_why(&view, now + 700 * SEC, SLEPT);
}

/* Nobody waits for an answer of the upstream. */
static void test_those_who_share_the_store_are_the_reason(void **state)
{
        static const enum refresh_claim_kind kinds[] = { REFRESH_CLAIM_LEASED, REFRESH_CLAIM_COOL };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const struct refresh_claim claim = { .kind = kinds[i], .left_usec = 20 * SEC };
                struct key_files files = new_files();
                char why[ENVIRONMENT_WHY_MAX];
                struct refresh refresh;
                refresh_init(&refresh);
                refresh_use_store(&refresh, true);
                assert_true(refresh_on_keys(&refresh, files.names, 1, START).claim);
                assert_int_equal(refresh_on_claim(&refresh, &claim, START, MIDDLE).limit,
                                 REFRESH_LIMIT_STORE);
                struct environment_view view = view_of(&refresh, 0);
                assert_memory_equal(environment_view_why(&view, NULL, START, why), OTHERS, strlen(OTHERS));
        }
}

/* The token was dropped with its key, and did not end. */
static void test_a_key_that_comes_back_has_its_first_answer_before_it(void **state)
{
        struct key_files files = good_files();
        struct refresh refresh = with_life(files, 1, 7200);
        uint64_t now = START + 60 * SEC;

        (void)refresh_on_keys(&refresh, files.names, 0, now);
        assert_true(refresh_on_timer(&refresh, now + REFRESH_OFF_USEC).off);
        now += HOUR;
        assert_true(refresh_on_keys(&refresh, files.names, 1, now).exchange);
        const struct environment_view view = view_of(&refresh, START + SEC);
        assert_why(&view, now, "waiting for the upstream's first answer");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_failure_is_the_reason),
                cmocka_unit_test(test_the_first_answer_is_waited_for),
                cmocka_unit_test(test_a_short_life_is_the_reason_and_not_a_trouble_that_is_over),
                cmocka_unit_test(test_a_night_is_the_reason_and_not_a_trial),
                cmocka_unit_test(test_patience_is_the_reason_until_it_ends),
                cmocka_unit_test(test_those_who_share_the_store_are_the_reason),
                cmocka_unit_test(test_a_key_that_comes_back_has_its_first_answer_before_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
