/* The keyring: order, what is known of keys, trials, comparisons. */
#include "lib/refresh_words.h"
#include "tests/unit/keyring_story.h"

static void test_empty(void **state)
{
        struct keyring keyring = { 0 };
        keyring_update(&keyring, NULL, 0, NOW);
        assert_int_equal(chosen(&keyring, NOW), 0);
        assert_int_equal(in_trouble(&keyring, NOW), 0);
        assert_int_equal(on_trial(&keyring), 0);
        assert_null(keyring_find(&keyring, 1));
        assert_null(keyring_next_around(&keyring, NOW));
        assert_true(keyring_usable_usec(&keyring) == USEC_NEVER);
        assert_false(keyring_all_unauthorized(&keyring));
        keyring_granted(&keyring, 1, NOW);
        keyring_refused(&keyring, 1, KEY_UNAUTHORIZED, NOW);
        keyring_failed(&keyring, 1, NOW);
        keyring_unheard(&keyring, 1);
        keyring_postpone_trial(&keyring, 1, NOW);
        keyring_await_grant(&keyring, 1);
        keyring_hold(&keyring, 1, NOW);
        keyring_asked(&keyring, 1);
        keyring_try_refused(&keyring, true, NOW);
        assert_int_equal(keyring.n, 0);
}

static void test_new_keys_are_untried_and_to_be_tried(void **state)
{
        struct keyring keyring = { 0 };
        files_at(&keyring, 1, 2, NOW + 5);
        assert_int_equal(standing(&keyring, 1), KEY_UNTRIED);
        assert_int_equal(trial_usec(&keyring, 2), NOW + 5);
        assert_int_equal(on_trial(&keyring), 1);
        assert_int_equal(chosen(&keyring, NOW), 1);
        grant(&keyring, 1, NOW);
        assert_int_equal(standing(&keyring, 1), KEY_GOOD);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER);
        assert_int_equal(on_trial(&keyring), 2);
        files_at(&keyring, 1, 2, NOW + 9); /* nothing new: nothing begins anew */
        assert_int_equal(trial_usec(&keyring, 2), NOW + 5);
}

static void test_known_by_an_earlier_process(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name names[] = {
                { .serial = 1, .label = "1-main", .known = { KEY_GOOD, 0, NOW } },
                { .serial = 2, .label = "2-spare", .known = { KEY_REFUSED, KEY_UNAUTHORIZED, NOW } }
        };
        keyring_update(&keyring, names, 2, NOW + 1);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER);
        assert_int_equal(trial_usec(&keyring, 2), NOW + DAY);
        names[0].known.standing = KEY_REFUSED; /* counts for a new serial alone */
        keyring_update(&keyring, names, 2, NOW + 1);
        assert_int_equal(standing(&keyring, 1), KEY_GOOD);
}

static void test_good_keys_first(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        grant(&keyring, 2, NOW);
        assert_int_equal(chosen(&keyring, NOW), 2); /* 1 is untried: a trial is for that */
        grant(&keyring, 1, NOW + 1);
        assert_int_equal(chosen(&keyring, NOW + 1), 1);
        refuse(&keyring, 1, NOW + 2);
        assert_int_equal(chosen(&keyring, NOW + 2), 2);
        refuse(&keyring, 2, NOW + 3);
        assert_int_equal(chosen(&keyring, NOW + 3), 1); /* the longest ago */
}

static void test_old_proofs_take_their_turn(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        grant(&keyring, 2, NOW);
        grant(&keyring, 1, NOW + 10);
        assert_int_equal(chosen(&keyring, NOW + DAY - 1), 1);
        assert_int_equal(chosen(&keyring, NOW + DAY), 2);
        assert_int_equal(chosen(&keyring, NOW + DAY + 10), 2); /* both are old, 2 is older */
        grant(&keyring, 2, NOW + DAY + 11);
        assert_int_equal(chosen(&keyring, NOW + DAY + 11), 1);
}

static void test_in_turn_is_the_one_asked_longest_ago(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name names[] = { { .serial = 1, .label = "a" },
                                    { .serial = 2, .label = "b" },
                                    { .serial = 3, .label = "c" } };
        keyring_update(&keyring, names, 3, NOW);
        for (uint64_t serial = 1; serial <= 3; serial++) {
                assert_int_equal(in_trouble(&keyring, NOW), serial); /* untried ones, in order */
                keyring_asked(&keyring, serial);
                keyring_unheard(&keyring, serial);
        }
        for (unsigned i = 0; i < 4; i++) { /* trials of 3 fall in between: no key is left out by that */
                uint64_t serial = in_trouble(&keyring, NOW);
                assert_int_equal(serial, 1 + i % 2);
                keyring_asked(&keyring, serial);
                keyring_asked(&keyring, 3);
        }
}

static void test_passing_over(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        grant(&keyring, 2, NOW);
        refuse(&keyring, 1, NOW);
        keyring_asked(&keyring, 2);
        keyring_unheard(&keyring, 2);
        assert_int_equal(serial_of(keyring_choose(&keyring, true, true, NOW)), 2);
        assert_int_equal(serial_of(keyring_choose(&keyring, true, false, NOW)), 1); /* no token lives */
        keyring_failed(&keyring, 2, NOW); /* the good one is in doubt */
        assert_int_equal(serial_of(keyring_choose(&keyring, true, true, NOW)), 1);
        grant(&keyring, 2, NOW);
        keyring_hold(&keyring, 2, NOW + 5); /* the good one may not be used */
        assert_int_equal(serial_of(keyring_choose(&keyring, true, true, NOW)), 1);
        assert_int_equal(serial_of(keyring_choose(&keyring, true, true, NOW + 5)), 2);
}

static void test_rounds(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name names[] = { { .serial = 1, .label = "a" },
                                    { .serial = 2, .label = "b" },
                                    { .serial = 3, .label = "c" } };
        keyring_update(&keyring, names, 3, NOW);
        grant(&keyring, 1, NOW);
        grant(&keyring, 3, NOW + 1);
        keyring_asked(&keyring, 2);
        keyring_begin_round(&keyring, /* but_latest= */ true);
        assert_int_equal(serial_of(keyring_next_around(&keyring, NOW)), 3); /* good last */
        keyring_hold(&keyring, 3, NOW + 5);
        assert_int_equal(serial_of(keyring_next_around(&keyring, NOW)), 1);
        keyring_asked(&keyring, 1);
        assert_null(keyring_next_around(&keyring, NOW));
        assert_int_equal(serial_of(keyring_next_around(&keyring, NOW + 5)), 3);
        refuse(&keyring, 1, NOW);
        keyring_begin_round(&keyring, /* but_latest= */ false);
        assert_int_equal(serial_of(keyring_next_around(&keyring, NOW)), 2); /* before refused ones */
        keyring_asked(&keyring, 2);
        assert_int_equal(serial_of(keyring_next_around(&keyring, NOW)), 1);
}

static void test_outdone(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        disappoint(&keyring, 1, NOW);
        assert_int_equal(standing(&keyring, 1), KEY_UNTRIED);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER); /* the next grant tells */
        grant(&keyring, 2, NOW + 1);
        assert_int_equal(standing(&keyring, 1), KEY_REFUSED);
        assert_int_equal(keyring_find(&keyring, 1)->known.cause, KEY_OUTDONE);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 1 + DAY);
        disappoint(&keyring, 1, NOW + 5); /* once more, a day is a day */
        assert_int_equal(keyring_find(&keyring, 1)->known.seen_usec, NOW + 5);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 5 + DAY);
}

static void test_times_may_have_changed(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        disappoint(&keyring, 1, NOW);
        disappoint(&keyring, 2, NOW + 1);
        grant(&keyring, 2, NOW + 2); /* it failed before: that says nothing of 1 */
        assert_int_equal(standing(&keyring, 1), KEY_UNTRIED);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 2);
        grant(&keyring, 1, NOW + 3);
        disappoint(&keyring, 1, NOW + 4);
        grant(&keyring, 2, NOW + 5); /* another trouble */
        assert_int_equal(standing(&keyring, 1), KEY_REFUSED);
}

static void test_trials_that_say_nothing(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        grant(&keyring, 1, NOW);
        keyring_asked(&keyring, 2);
        keyring_unheard(&keyring, 2);
        keyring_postpone_trial(&keyring, 2, NOW + 7);
        assert_int_equal(trial_usec(&keyring, 2), NOW + 7);
        assert_int_equal(keyring_find(&keyring, 2)->n_trials, 1);
        grant(&keyring, 1, NOW + 2);
        assert_int_equal(trial_usec(&keyring, 2), NOW + 2);
        keyring_await_grant(&keyring, 2); /* need asks it */
        assert_true(trial_usec(&keyring, 2) == USEC_NEVER);
        keyring_postpone_trial(&keyring, 2, NOW + 9); /* nothing is to be postponed */
        assert_true(trial_usec(&keyring, 2) == USEC_NEVER);
        grant(&keyring, 1, NOW + 3);
        assert_int_equal(trial_usec(&keyring, 2), NOW + 3);
        keyring_postpone_trial(&keyring, 1, NOW + 9); /* a good one that was asked for another's sake */
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER);
}

static void test_written_again(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name name = { .serial = 1, .rewritten = true, .label = "1-main" };
        files(&keyring, 1, 0);
        refuse(&keyring, 1, NOW);
        assert_int_equal(trial_usec(&keyring, 1), NOW + DAY);
        keyring_update(&keyring, &name, 1, NOW + 1);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 1);
        refuse(&keyring, 1, NOW + 2);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 2 + DAY);
        /* In mid-exchange: the answer is about what was before. */
        keyring_asked(&keyring, 1);
        keyring_update(&keyring, &name, 1, NOW + 3);
        keyring_refused(&keyring, 1, KEY_UNAUTHORIZED, NOW + 4);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 3);
        keyring_failed(&keyring, 1, NOW + 4);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 3);
        keyring_postpone_trial(&keyring, 1, NOW + 9);
        keyring_await_grant(&keyring, 1);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 3);
        keyring_granted(&keyring, 1, NOW + 4); /* but a grant is all there is to know */
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER);
}

static void test_operator_has_refused_keys_tried(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        refuse(&keyring, 1, NOW);
        keyring_refused(&keyring, 2, KEY_OF_OTHER_ACCOUNT, NOW);
        keyring_try_refused(&keyring, /* new_account= */ false, NOW + 1);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 1);
        assert_int_equal(trial_usec(&keyring, 2), NOW + 1);
        assert_int_equal(standing(&keyring, 2), KEY_REFUSED);
        keyring_try_refused(&keyring, /* new_account= */ true, NOW + 2);
        assert_int_equal(standing(&keyring, 1), KEY_REFUSED);
        assert_int_equal(standing(&keyring, 2), KEY_UNTRIED);
        assert_int_equal(trial_usec(&keyring, 2), NOW + 2);
        grant(&keyring, 1, NOW + 3);
        keyring_try_refused(&keyring, true, NOW + 4);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER); /* a good one needs none */
}

static void test_held_keys_are_not_used(void **state)
{
        struct keyring keyring = { 0 };
        uint64_t usec;
        files(&keyring, 1, 2);
        keyring_hold(&keyring, 1, NOW + 10);
        assert_int_equal(chosen(&keyring, NOW), 2);
        assert_int_equal(keyring_usable_usec(&keyring), 0);
        keyring_hold(&keyring, 2, NOW + 20);
        assert_int_equal(chosen(&keyring, NOW), 0);
        assert_int_equal(in_trouble(&keyring, NOW), 0);
        assert_int_equal(keyring_usable_usec(&keyring), NOW + 10);
        assert_int_equal(chosen(&keyring, NOW + 10), 1);
        assert_int_equal(serial_of(keyring_next_trial(&keyring, &usec)), 1);
        assert_int_equal(usec, NOW + 10);
}

static void test_all_unauthorized(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        refuse(&keyring, 1, NOW);
        assert_false(keyring_all_unauthorized(&keyring));
        keyring_refused(&keyring, 2, KEY_OF_OTHER_ACCOUNT, NOW);
        assert_false(keyring_all_unauthorized(&keyring));
        refuse(&keyring, 2, NOW);
        assert_true(keyring_all_unauthorized(&keyring));
}

static void test_words(void **state)
{
        assert_string_equal(key_standing_name(KEY_UNTRIED), "untried");
        assert_string_equal(key_standing_name(KEY_GOOD), "good");
        assert_string_equal(key_standing_name(KEY_REFUSED), "refused");
        assert_string_equal(key_cause_name(KEY_NOT_REFUSED), "");
        assert_string_equal(key_cause_name(KEY_UNAUTHORIZED), "unauthorized");
        assert_string_equal(key_cause_name(KEY_OUTDONE), "outdone");
        assert_string_equal(key_cause_name(KEY_OF_OTHER_ACCOUNT), "other_account");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_new_keys_are_untried_and_to_be_tried),
                cmocka_unit_test(test_known_by_an_earlier_process),
                cmocka_unit_test(test_good_keys_first),
                cmocka_unit_test(test_old_proofs_take_their_turn),
                cmocka_unit_test(test_in_turn_is_the_one_asked_longest_ago),
                cmocka_unit_test(test_passing_over),
                cmocka_unit_test(test_rounds),
                cmocka_unit_test(test_outdone),
                cmocka_unit_test(test_times_may_have_changed),
                cmocka_unit_test(test_trials_that_say_nothing),
                cmocka_unit_test(test_written_again),
                cmocka_unit_test(test_operator_has_refused_keys_tried),
                cmocka_unit_test(test_held_keys_are_not_used),
                cmocka_unit_test(test_all_unauthorized),
                cmocka_unit_test(test_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
