/* The keyring: keys that are kept while the new content of their file is not known to be good. */
#include "tests/unit/keyring_story.h"

static void test_unproven_key_is_replaced_at_once(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        files(&keyring, 3, 0);
        assert_int_equal(keyring.n, 1);
        refuse(&keyring, 3, NOW);
        files(&keyring, 4, 0);
        assert_int_equal(keyring.n, 1);
}

static void test_good_key_is_kept_until_the_new_one_is(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        grant(&keyring, 1, NOW);
        files(&keyring, 3, 0);
        assert_int_equal(on_trial(&keyring), 3);
        assert_int_equal(chosen(&keyring, NOW), 1);
        assert_true(keyring_find(&keyring, 1)->kept);

        grant(&keyring, 1, NOW); /* the old one served once more: nothing is decided by that */
        assert_int_equal(on_trial(&keyring), 3);
        grant(&keyring, 3, NOW);
        assert_null(keyring_find(&keyring, 1));
        assert_int_equal(on_trial(&keyring), 0);
        assert_int_equal(keyring.n, 1);
}

static void test_kept_key_stays_though_it_is_refused(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        grant(&keyring, 1, NOW);
        files(&keyring, 3, 0);
        refuse(&keyring, 3, NOW);
        refuse(&keyring, 1, NOW + 1);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER); /* it is on its way out */
        keyring_try_refused(&keyring, false, NOW + 1);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER);
        files(&keyring, 3, 0);
        assert_non_null(keyring_find(&keyring, 1));
        files(&keyring, 4, 0); /* corrected: still kept, behind the newest */
        assert_null(keyring_find(&keyring, 3));
        assert_int_equal(keyring.keys[1].serial, 1);
        files_at(&keyring, 1, 0, NOW + 9); /* undone: the file was written, so it is tried */
        assert_int_equal(keyring.n, 1);
        assert_false(keyring_find(&keyring, 1)->kept);
        assert_int_equal(trial_usec(&keyring, 1), NOW + 9);
        assert_true(keyring_all_unauthorized(&keyring));
}

static void test_kept_key_goes_with_its_file(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        grant(&keyring, 1, NOW);
        files(&keyring, 3, 2);
        assert_non_null(keyring_find(&keyring, 1));
        files(&keyring, 0, 2);
        assert_null(keyring_find(&keyring, 1));
        assert_null(keyring_find(&keyring, 3));
        assert_int_equal(chosen(&keyring, NOW), 2);
}

static void test_kept_keys_do_not_take_turns_for_age(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        grant(&keyring, 1, NOW);
        grant(&keyring, 2, NOW + 1);
        files(&keyring, 3, 2);
        disappoint(&keyring, 3, NOW + 2);
        disappoint(&keyring, 1, NOW + 2);
        assert_int_equal(chosen(&keyring, NOW + DAY), 1); /* the first good one */
        assert_int_equal(chosen(&keyring, NOW + DAY + 1), 2);
        grant(&keyring, 1, NOW + 3);
        assert_true(trial_usec(&keyring, 1) == USEC_NEVER);
}

static void test_full(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX] = { { .serial = 1, .label = "a" },
                                                            { .serial = 2, .label = "b" },
                                                            { .serial = 3, .label = "c" } };
        keyring_update(&keyring, names, ARRAY_SIZE(names), NOW);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                grant(&keyring, names[i].serial, NOW);
                names[i].serial += 10;
        }
        keyring_update(&keyring, names, ARRAY_SIZE(names), NOW);
        assert_int_equal(keyring.n, ARRAY_SIZE(keyring.keys));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                assert_int_equal(keyring.keys[2 * i].serial, 11 + i);
                assert_int_equal(keyring.keys[2 * i + 1].serial, 1 + i);
        }
        grant(&keyring, 12, NOW);
        assert_int_equal(keyring.n, ARRAY_SIZE(keyring.keys) - 1);
        assert_int_equal(keyring.keys[3].serial, 13);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_unproven_key_is_replaced_at_once),
                cmocka_unit_test(test_good_key_is_kept_until_the_new_one_is),
                cmocka_unit_test(test_kept_key_stays_though_it_is_refused),
                cmocka_unit_test(test_kept_key_goes_with_its_file),
                cmocka_unit_test(test_kept_keys_do_not_take_turns_for_age),
                cmocka_unit_test(test_full),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
