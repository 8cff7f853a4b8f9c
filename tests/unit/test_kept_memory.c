/* The kept memory of an environment, as far as it may take it up, and the memory of environments that are
 * gone.
 */
#include "daemon/keeper/gone_environments.h"
#include "daemon/keeper/kept_memory.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define NOW  (1000 * USEC_PER_SEC)
#define URL  "https://eqp.example"
#define MINE "MAG000111222"

static struct environment_settings settings;
static struct known_environment known;
static struct saved_environment saved;
static struct environment_memory memory;

static int set_up(void **state)
{
        const struct refresh_past past = { .sent = { { 900 * USEC_PER_SEC, REFRESH_SHARE_NEED } },
                                           .n_sent = 1,
                                           .retry_after_usec = 1100 * USEC_PER_SEC };
        static const struct grant grant = { .lifetime_sec = 300, .mage_id = MINE, .ust = "made-up" };

        memset(&known, 0, sizeof(known));
        memset(&saved, 0, sizeof(saved));
        settings = (struct environment_settings){ .base_url = (char *)(uintptr_t)URL };
        (void)snprintf(known.base_url, sizeof(known.base_url), "%s", URL);
        (void)snprintf(known.account, sizeof(known.account), "%s", MINE);
        known.past = past;
        known.past.sent[0].share = REFRESH_SHARE_TRIAL;
        known.past.unauthorized_usec = 900 * USEC_PER_SEC;
        known.n_keys = 1;
        known.keys[0] = (struct known_key){ .digest = { 1 }, .known = { KEY_REFUSED, KEY_UNAUTHORIZED, 1 } };
        (void)snprintf(saved.base_url, sizeof(saved.base_url), "%s", URL);
        saved_environment_set_past(&saved, &past);
        saved.refresh_point_usec = 1090 * USEC_PER_SEC;
        saved.key_digest[0] = 2;
        return session_new(&saved.session, &grant, 1, 900 * USEC_PER_SEC, "1-main");
}

static int tear_down(void **state)
{
        saved.session = session_unref(saved.session);
        return 0;
}

static const char *join(const struct known_environment *what, const struct saved_environment *beside,
                        uint64_t now_usec)
{
        return kept_memory_join(&settings, what, beside, now_usec, &memory);
}

static void test_both_are_joined(void **state)
{
        assert_null(join(&known, &saved, NOW));
        assert_int_equal(memory.past.n_sent, 1);
        assert_int_equal(memory.past.sent[0].share, REFRESH_SHARE_TRIAL);
        assert_int_equal(memory.past.retry_after_usec, 1100 * USEC_PER_SEC);
        assert_ptr_equal(memory.session, saved.session);
        assert_int_equal(memory.token.life_usec, 300 * USEC_PER_SEC);
        assert_int_equal(memory.token.expires_usec, 1200 * USEC_PER_SEC);
        assert_string_equal(memory.account, MINE);
        assert_int_equal(memory.n_keys, 1);
        assert_false(memory.past.elsewhere);
}

/* The settings may ask for another lifetime than those of the process before. */
static void test_the_most_to_be_had_is_known_of_the_lifetime_asked_for(void **state)
{
        saved.attainable_sec = 299;
        settings.lifetime_sec = 300;
        assert_null(join(&known, &saved, NOW));
        assert_int_equal(memory.token.attainable_sec, 299);

        settings.lifetime_sec = 7200;
        assert_null(join(&known, &saved, NOW));
        assert_int_equal(memory.token.attainable_sec, 0);
        assert_ptr_equal(memory.session, saved.session);
}

static void test_a_session_alone_proves_its_key_and_tells_its_account(void **state)
{
        assert_null(join(NULL, &saved, NOW));
        assert_string_equal(memory.account, MINE);
        assert_int_equal(memory.n_keys, 1);
        assert_int_equal(memory.keys[0].digest[0], 2);
        assert_int_equal(memory.keys[0].known.standing, KEY_GOOD);
        assert_int_equal(memory.keys[0].known.seen_usec, 900 * USEC_PER_SEC);
}

/* It was to be forgotten: no session brings it back. */
static void test_an_account_that_is_known_to_be_none(void **state)
{
        known.account[0] = '\0';
        assert_null(join(&known, &saved, NOW));
        assert_string_equal(memory.account, "");
        assert_ptr_equal(memory.session, saved.session);
}

static void test_knowledge_alone(void **state)
{
        assert_null(join(&known, NULL, NOW));
        assert_null(memory.session);
        assert_int_equal(memory.past.n_sent, 1);
        assert_int_equal(memory.n_keys, 1);
}

static void test_at_another_base_url_only_what_was_sent_counts(void **state)
{
        settings.base_url = (char *)(uintptr_t) "https://other.example";
        assert_string_equal(join(&known, &saved, NOW), "the environment's base URL has changed");
        assert_null(memory.session);
        assert_int_equal(memory.past.n_sent, 1);
        assert_int_equal(memory.past.retry_after_usec, 0);
        assert_int_equal(memory.past.unauthorized_usec, 0);
        assert_string_equal(memory.account, "");
        assert_int_equal(memory.n_keys, 0);
        assert_true(memory.past.elsewhere);
}

static void test_of_another_account_nothing_counts_but_what_was_sent(void **state)
{
        settings.account = (char *)(uintptr_t) "MAG999999999";
        assert_string_equal(join(&known, &saved, NOW), "it is of another account");
        assert_null(memory.session);
        assert_int_equal(memory.past.n_sent, 1);
        assert_string_equal(memory.account, "");
        assert_int_equal(memory.n_keys, 0);
        assert_true(memory.past.elsewhere);

        settings.account = NULL;
        (void)snprintf(known.account, sizeof(known.account), "MAG999999999");
        assert_string_equal(join(&known, &saved, NOW), "it is of another account");
        assert_string_equal(memory.account, "MAG999999999");
}

static void test_expired(void **state)
{
        assert_string_equal(join(&known, &saved, 1200 * USEC_PER_SEC), "it has expired");
        assert_null(memory.session);
        assert_string_equal(memory.account, MINE);
}

/* ---- environments that are gone ---- */

static struct known_environment *make_gone(unsigned number, uint64_t gone_usec)
{
        struct known_environment *one = calloc(1, sizeof(*one));

        assert_non_null(one);
        (void)snprintf(one->name, sizeof(one->name), "gone%u", number);
        one->gone_usec = gone_usec;
        return one;
}

static void test_gone_for_an_hour(void **state)
{
        struct gone_environments gone = { .n = 0 };

        gone_environments_put(&gone, make_gone(1, NOW));
        gone_environments_put(&gone, make_gone(2, 0)); /* of a process before us: it is gone from now on */
        gone_environments_settle(&gone, NOW + USEC_PER_SEC);
        assert_int_equal(gone.n, 2);
        gone_environments_settle(&gone, NOW + KNOWN_GONE_USEC);
        assert_int_equal(gone.n, 1);
        assert_null(gone_environments_take(&gone, "gone1"));
        struct known_environment *one = gone_environments_take(&gone, "gone2");
        assert_int_equal(one->gone_usec, NOW + USEC_PER_SEC);
        free(one);
        assert_int_equal(gone.n, 0);
}

static void test_the_latest_are_remembered(void **state)
{
        struct gone_environments gone = { .n = 0 };

        for (unsigned i = 0; i < 2 * KNOWN_ENVIRONMENTS_MAX; i++) {
                gone_environments_put(&gone, make_gone(i, NOW + i));
        }
        gone_environments_put(&gone, make_gone(2 * KNOWN_ENVIRONMENTS_MAX - 1, NOW + USEC_PER_SEC));
        gone_environments_settle(&gone, NOW + USEC_PER_SEC);
        assert_int_equal(gone.n, KNOWN_GONE_MAX);
        for (size_t i = 0; i < gone.n; i++) {
                assert_true(gone.list[i]->gone_usec >= NOW + 2 * KNOWN_ENVIRONMENTS_MAX - KNOWN_GONE_MAX);
        }
        gone_environments_drop_impossible(&gone, NOW);
        assert_int_equal(gone.n, 0);
        gone_environments_put(&gone, make_gone(1, NOW));
        gone_environments_clear(&gone);
        assert_int_equal(gone.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_both_are_joined, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_most_to_be_had_is_known_of_the_lifetime_asked_for,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_session_alone_proves_its_key_and_tells_its_account,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_an_account_that_is_known_to_be_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_knowledge_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_at_another_base_url_only_what_was_sent_counts, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_of_another_account_nothing_counts_but_what_was_sent,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_expired, set_up, tear_down),
                cmocka_unit_test(test_gone_for_an_hour),
                cmocka_unit_test(test_the_latest_are_remembered),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
