/* A session: its content, when it lives, and that the last holder wipes it. */
#include "lib/session.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define SENT (100 * USEC_PER_SEC)

static struct session *make(uint32_t lifetime_sec)
{
        struct grant grant = { .lifetime_sec = lifetime_sec,
                               .mage_id = "MAG000111222",
                               .ust = "made-up-token" };
        struct session *session = NULL;
        assert_int_equal(session_new(&session, &grant, 7, SENT, "1-main"), 0);
        return session;
}

static void test_holds_what_was_granted(void **state)
{
        _cleanup_(session_unrefp) struct session *session = make(300);
        assert_int_equal(session->serial, 7);
        assert_int_equal(session->sent_usec, SENT);
        assert_int_equal(session->expires_usec, SENT + 300 * USEC_PER_SEC);
        assert_int_equal(session->lifetime_sec, 300);
        assert_string_equal(session->key_label, "1-main");
        assert_string_equal(session->mage_id, "MAG000111222");
        assert_string_equal(session->ust, "made-up-token");
}

static void test_longest_values_fit(void **state)
{
        static struct grant grant = { .lifetime_sec = LIFETIME_MAX_SEC };
        char label[KEY_LABEL_MAX + 1] = { 0 };
        _cleanup_(session_unrefp) struct session *session = NULL;

        memset(grant.mage_id, 'm', MAGE_ID_MAX);
        memset(grant.ust, 'u', SESSION_TOKEN_MAX);
        memset(label, 'l', KEY_LABEL_MAX);
        assert_int_equal(session_new(&session, &grant, 1, SENT, label), 0);
        assert_int_equal(strlen(session->ust), SESSION_TOKEN_MAX);
        assert_int_equal(strlen(session->mage_id), MAGE_ID_MAX);
        assert_string_equal(session->key_label, label);
}

static void test_lives_until_its_expiry_and_not_at_it(void **state)
{
        _cleanup_(session_unrefp) struct session *session = make(300);
        uint64_t end = SENT + 300 * USEC_PER_SEC;
        assert_true(session_alive(session, SENT));
        assert_true(session_alive(session, end - 1));
        assert_false(session_alive(session, end));
        assert_false(session_alive(session, UINT64_MAX));
        assert_false(session_alive(NULL, SENT));
}

static void test_life_left_is_rounded_down(void **state)
{
        _cleanup_(session_unrefp) struct session *session = make(300);
        uint64_t end = SENT + 300 * USEC_PER_SEC;
        assert_int_equal(session_left_sec(session, SENT), 300);
        assert_int_equal(session_left_sec(session, SENT + 1), 299);
        assert_int_equal(session_left_sec(session, end - 1), 0);
        assert_int_equal(session_left_sec(session, end), 0);
        assert_int_equal(session_left_sec(session, end + USEC_PER_HOUR), 0);
        assert_int_equal(session_left_sec(NULL, SENT), 0);
}

static void test_expiry_never_wraps_around(void **state)
{
        struct grant grant = { .lifetime_sec = LIFETIME_MAX_SEC, .mage_id = "M", .ust = "u" };
        _cleanup_(session_unrefp) struct session *session = NULL;
        assert_int_equal(session_new(&session, &grant, 1, USEC_NEVER - 5, ""), 0);
        assert_int_equal(session->expires_usec, USEC_NEVER);
}

static void test_counts_its_holders(void **state)
{
        struct session *session = make(300);
        assert_ptr_equal(session_ref(session), session);
        assert_null(session_unref(session));
        assert_string_equal(session->ust, "made-up-token"); /* still held once */
        assert_null(session_unref(session));
        assert_null(session_ref(NULL));
        assert_null(session_unref(NULL));
}

static void test_knows_its_token(void **state)
{
        _cleanup_(session_unrefp) struct session *session = make(300);
        const char *token = "made-up-token";
        size_t length = strlen(token);
        assert_true(session_has_token(session, token, length));
        assert_false(session_has_token(session, token, length - 1));
        assert_false(session_has_token(session, "made-up-tokenX", length + 1));
        assert_false(session_has_token(session, token, length + 1)); /* with the NUL: not the same text */
        assert_false(session_has_token(session, "Made-up-token", length));
        assert_false(session_has_token(session, "made-up-tokem", length));
        assert_false(session_has_token(session, "", 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_holds_what_was_granted),
                cmocka_unit_test(test_longest_values_fit),
                cmocka_unit_test(test_lives_until_its_expiry_and_not_at_it),
                cmocka_unit_test(test_life_left_is_rounded_down),
                cmocka_unit_test(test_expiry_never_wraps_around),
                cmocka_unit_test(test_counts_its_holders),
                cmocka_unit_test(test_knows_its_token),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
