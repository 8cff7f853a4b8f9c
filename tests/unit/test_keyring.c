/* The keyring: order, rests, and trial before trust. */
#include "lib/keyring.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define NOW (1000 * USEC_PER_SEC)

static const struct backoff_policy rest = { 15 * USEC_PER_MIN, 6 * USEC_PER_HOUR, 25 };

/* The files: "1-main" and "2-spare" with these serials; 0: no such file. */
static bool files(struct keyring *keyring, uint64_t main_serial, uint64_t spare_serial)
{
        struct key_name names[2];
        size_t n = 0;
        if (main_serial) {
                names[n++] = (struct key_name){ .serial = main_serial, .label = "1-main" };
        }
        if (spare_serial) {
                names[n++] = (struct key_name){ .serial = spare_serial, .label = "2-spare" };
        }
        return keyring_update(keyring, names, n);
}

static uint64_t chosen(const struct keyring *keyring, uint64_t now)
{
        const struct key_state *key = keyring_choose(keyring, now);
        return key ? key->serial : 0;
}

static uint64_t on_trial(const struct keyring *keyring)
{
        const struct key_state *key = keyring_trial(keyring);
        return key ? key->serial : 0;
}

static void test_empty(void **state)
{
        struct keyring keyring = { 0 };
        assert_false(keyring_update(&keyring, NULL, 0));
        assert_null(keyring_choose(&keyring, NOW));
        assert_null(keyring_trial(&keyring));
        assert_null(keyring_find(&keyring, 1));
        assert_true(keyring_usable_usec(&keyring) == USEC_NEVER);
        keyring_granted(&keyring, 1);
        keyring_refused(&keyring, 1, NOW, &rest);
        keyring_end_rests(&keyring);
        assert_int_equal(keyring.n, 0);
}

static void test_first_by_name_is_chosen(void **state)
{
        struct keyring keyring = { 0 };
        assert_true(files(&keyring, 1, 2));
        assert_int_equal(chosen(&keyring, NOW), 1);
        assert_true(keyring_usable_usec(&keyring) <= NOW);
        assert_false(files(&keyring, 1, 2)); /* nothing new */
        assert_false(files(&keyring, 0, 2)); /* one went: no news either */
        assert_int_equal(chosen(&keyring, NOW), 2);
        assert_true(files(&keyring, 1, 2));
}

static void test_refused_key_rests_longer_each_time(void **state)
{
        static const unsigned minutes[] = { 15, 30, 60, 120, 240, 360, 360 };
        struct keyring keyring = { 0 };
        uint64_t now = NOW;

        files(&keyring, 1, 0);
        for (size_t i = 0; i < ARRAY_SIZE(minutes); i++) {
                keyring_refused(&keyring, 1, now, &rest);
                assert_true(keyring_find(&keyring, 1)->refused);
                assert_int_equal(keyring_usable_usec(&keyring), now + minutes[i] * USEC_PER_MIN);
                now += minutes[i] * USEC_PER_MIN;
                assert_null(keyring_choose(&keyring, now - 1));
                assert_int_equal(chosen(&keyring, now), 1);
        }
        keyring_granted(&keyring, 1);
        assert_false(keyring_find(&keyring, 1)->refused);
        keyring_refused(&keyring, 1, now, &rest); /* counts from the start again */
        assert_int_equal(keyring_usable_usec(&keyring), now + 15 * USEC_PER_MIN);
}

static void test_spare_while_main_rests(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        keyring_refused(&keyring, 1, NOW, &rest);
        assert_int_equal(chosen(&keyring, NOW), 2);
        assert_true(keyring_usable_usec(&keyring) <= NOW);
        keyring_refused(&keyring, 2, NOW + USEC_PER_SEC, &rest);
        assert_int_equal(chosen(&keyring, NOW + USEC_PER_SEC), 0);
        assert_int_equal(keyring_usable_usec(&keyring),
                         NOW + 15 * USEC_PER_MIN); /* the earlier of the two */
}

static void test_rewritten_file_ends_the_rest(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name name = { .serial = 1, .rewritten = true, .label = "1-main" };
        files(&keyring, 1, 0);
        assert_false(keyring_update(&keyring, &name, 1)); /* it does not rest: no news */
        keyring_refused(&keyring, 1, NOW, &rest);
        assert_true(keyring_update(&keyring, &name, 1));
        assert_int_equal(chosen(&keyring, NOW), 1);
}

static void test_operator_ends_all_rests(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        keyring_refused(&keyring, 1, NOW, &rest);
        keyring_refused(&keyring, 2, NOW, &rest);
        keyring_end_rests(&keyring);
        assert_int_equal(chosen(&keyring, NOW), 1);
}

static void test_unproven_key_is_replaced_at_once(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        assert_true(files(&keyring, 3, 0));
        assert_int_equal(keyring.n, 1);
        assert_int_equal(on_trial(&keyring), 0);
}

static void test_proven_key_is_kept_until_the_new_one_is(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        keyring_granted(&keyring, 1);
        assert_true(files(&keyring, 3, 0));
        assert_int_equal(on_trial(&keyring), 3);
        assert_int_equal(chosen(&keyring, NOW), 3);
        assert_true(keyring_find(&keyring, 1)->kept);

        keyring_granted(&keyring, 1); /* the old one served once more: nothing is decided by that */
        assert_int_equal(on_trial(&keyring), 3);
        keyring_granted(&keyring, 3);
        assert_null(keyring_find(&keyring, 1));
        assert_int_equal(on_trial(&keyring), 0);
        assert_int_equal(keyring.n, 1);
}

static void test_refused_trial_leaves_the_old_key(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        keyring_granted(&keyring, 1);
        files(&keyring, 3, 0);
        keyring_refused(&keyring, 3, NOW, &rest);
        assert_int_equal(on_trial(&keyring), 0); /* it was tried */
        assert_int_equal(chosen(&keyring, NOW), 1);

        assert_true(files(&keyring, 4, 0)); /* corrected: the old one is still kept, behind the newest */
        assert_int_equal(on_trial(&keyring), 4);
        assert_null(keyring_find(&keyring, 3));
        assert_non_null(keyring_find(&keyring, 1));

        assert_false(files(&keyring, 1, 0)); /* undone: the old content is back, and nothing is on trial */
        assert_int_equal(on_trial(&keyring), 0);
        assert_false(keyring_find(&keyring, 1)->kept);
        assert_true(keyring_find(&keyring, 1)->proven);
        assert_int_equal(keyring.n, 1);
}

static void test_refused_key_is_not_kept(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 0);
        keyring_granted(&keyring, 1);
        keyring_refused(&keyring, 1, NOW, &rest);
        assert_true(files(&keyring, 3, 0));
        assert_null(keyring_find(&keyring, 1));
        assert_int_equal(on_trial(&keyring), 0);
}

static void test_kept_key_goes_with_its_file(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        keyring_granted(&keyring, 1);
        files(&keyring, 3, 2);
        assert_non_null(keyring_find(&keyring, 1));
        files(&keyring, 0, 2);
        assert_null(keyring_find(&keyring, 1));
        assert_null(keyring_find(&keyring, 3));
        assert_int_equal(chosen(&keyring, NOW), 2);
}

static void test_kept_key_stays_in_its_place(void **state)
{
        struct keyring keyring = { 0 };
        files(&keyring, 1, 2);
        keyring_granted(&keyring, 1);
        keyring_granted(&keyring, 2);
        files(&keyring, 3, 4);
        assert_int_equal(keyring.n, 4);
        assert_int_equal(on_trial(&keyring), 3);
        keyring_granted(&keyring, 3);
        assert_int_equal(on_trial(&keyring), 4); /* the spare's turn */
        keyring_refused(&keyring, 3, NOW, &rest);
        keyring_refused(&keyring, 4, NOW, &rest);
        assert_int_equal(chosen(&keyring, NOW), 2); /* the spare's old key */
        keyring_granted(&keyring, 4);
        assert_null(keyring_find(&keyring, 2));
        assert_int_equal(keyring.n, 2);
}

static void test_full(void **state)
{
        struct keyring keyring = { 0 };
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX] = { { 1, false, "a" },
                                                            { 2, false, "b" },
                                                            { 3, false, "c" } };
        assert_true(keyring_update(&keyring, names, ARRAY_SIZE(names)));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                keyring_granted(&keyring, names[i].serial);
                names[i].serial += 10;
        }
        assert_true(keyring_update(&keyring, names, ARRAY_SIZE(names)));
        assert_int_equal(keyring.n, ARRAY_SIZE(keyring.keys));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                assert_int_equal(keyring.keys[2 * i].serial, 11 + i);
                assert_int_equal(keyring.keys[2 * i + 1].serial, 1 + i);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_first_by_name_is_chosen),
                cmocka_unit_test(test_refused_key_rests_longer_each_time),
                cmocka_unit_test(test_spare_while_main_rests),
                cmocka_unit_test(test_rewritten_file_ends_the_rest),
                cmocka_unit_test(test_operator_ends_all_rests),
                cmocka_unit_test(test_unproven_key_is_replaced_at_once),
                cmocka_unit_test(test_proven_key_is_kept_until_the_new_one_is),
                cmocka_unit_test(test_refused_trial_leaves_the_old_key),
                cmocka_unit_test(test_refused_key_is_not_kept),
                cmocka_unit_test(test_kept_key_goes_with_its_file),
                cmocka_unit_test(test_kept_key_stays_in_its_place),
                cmocka_unit_test(test_full),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
