/* The answer with a token: rendered once per second and form, right to the second, and what libmicrohttpd
 * promises about shared responses (a response queued by nobody is freed when it is let go). */
#include "daemon/frontend/api/token_answer.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define START (1000 * USEC_PER_SEC)

static const struct environment_view environment = { .name = "sandbox", .base_url = "https://api.test" };
static struct token_answers answers;

static struct session *make(uint64_t serial, const char *ust)
{
        struct grant grant = { .lifetime_sec = 100, .mage_id = "MAG1" };
        struct session *session = NULL;
        assert_in_range(strlen(ust), 1, SESSION_TOKEN_MAX);
        memcpy(grant.ust, ust, strlen(ust) + 1);
        assert_int_equal(session_new(&session, &grant, serial, START, "1-main"), 0);
        return session;
}

static int tear_down(void **state)
{
        token_answers_clear(&answers);
        return 0;
}

static void test_once_per_second(void **state)
{
        struct session *session = make(1, "token");
        struct MHD_Response *first = token_answer(&answers, &environment, session, TOKEN_AS_JSON, START);
        assert_non_null(first);
        /* 100 s are left at START, 99 in all of the second that follows. */
        struct MHD_Response *second =
                token_answer(&answers, &environment, session, TOKEN_AS_JSON, START + 1);
        assert_ptr_equal(token_answer(&answers, &environment, session, TOKEN_AS_JSON, START + USEC_PER_SEC),
                         second);
        assert_int_equal(answers.forms[TOKEN_AS_JSON].left_sec, 99);
        (void)token_answer(&answers, &environment, session, TOKEN_AS_JSON, START + USEC_PER_SEC + 1);
        assert_int_equal(answers.forms[TOKEN_AS_JSON].left_sec, 98);
        (void)session_unref(session);
}

static void test_a_new_session_is_seen_at_once(void **state)
{
        struct session *old = make(1, "old"), *new = make(2, "new");
        (void)token_answer(&answers, &environment, old, TOKEN_AS_TEXT, START);
        (void)token_answer(&answers, &environment, new, TOKEN_AS_TEXT, START);
        assert_int_equal(answers.forms[TOKEN_AS_TEXT].serial, 2);
        (void)session_unref(old);
        (void)session_unref(new);
}

static void test_odd_characters_and_length(void **state)
{
        /* Visible ASCII without quotes: a backslash may come, and must be escaped. */
        char longest[SESSION_TOKEN_MAX + 1];
        memset(longest, '\\', SESSION_TOKEN_MAX);
        longest[SESSION_TOKEN_MAX] = '\0';
        struct session *session = make(1, longest);
        assert_non_null(token_answer(&answers, &environment, session, TOKEN_AS_JSON, START));
        assert_non_null(token_answer(&answers, &environment, session, TOKEN_AS_TEXT, START));
        (void)session_unref(session);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_once_per_second, tear_down),
                cmocka_unit_test_teardown(test_a_new_session_is_seen_at_once, tear_down),
                cmocka_unit_test_teardown(test_odd_characters_and_length, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
