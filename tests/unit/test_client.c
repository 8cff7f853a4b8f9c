/* The client library, as far as it goes without a daemon: addresses, words, arguments. */
#include "client/address.h"
#include "client/eqp-broker.h"
#include "client/trouble.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void test_addresses(void **state)
{
        static const char *const good[] = { "unix:/run/x.sock", "http://127.0.0.1:1",
                                            "http://localhost:65535", "http://[::1]:9377/" };
        static const char *const bad[] = { "",
                                           "unix:",
                                           "unix:/",
                                           "unix:relative",
                                           "unix:/with\na-line-feed",
                                           "unix:/with\x7f-del",
                                           "http://127.0.0.1:",
                                           "http://127.0.0.1:0",
                                           "http://127.0.0.1:65536",
                                           "http://127.0.0.1:93x7",
                                           "http://127.0.0.1:9377/path",
                                           "http://127.0.0.2:9377",
                                           "https://localhost:9377" };
        char longest[ADDRESS_TEXT_MAX + 2] = "http://localhost:1";
        struct address address;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(address_parse(&address, good[i]), 0);
        }
        assert_string_equal(address.url, "http://[::1]:9377");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(address_parse(&address, bad[i]), -EINVAL);
        }
        memset(longest + strlen(longest), '1', sizeof(longest) - 1 - strlen(longest));
        assert_int_equal(address_parse(&address, longest), -EINVAL);
}

/* A text that does not fit is cut between two characters, wherever the end falls. */
static void test_long_words_are_cut_between_characters(void **state)
{
        char text[2 * TROUBLE_MESSAGE_MAX];
        struct trouble trouble;

        for (size_t shift = 0; shift < 3; shift++) {
                memset(text, 'x', shift);
                for (size_t i = shift; i + 4 < sizeof(text); i += 3) {
                        memcpy(text + i, "\u20ac", 4); /* with its NUL, which the next one overwrites */
                }
                assert_int_equal(trouble_set(&trouble, -EPROTO, "slug", "%s", text), -EPROTO);
                size_t length = strlen(trouble.message);
                assert_true(length > TROUBLE_MESSAGE_MAX - 8 && (length - shift) % 3 == 0);
                assert_memory_equal(trouble.message, text, length);
        }
}

/* Refused before anybody is asked: there is nobody. */
static void test_arguments_that_make_no_sense(void **state)
{
        struct eqp_broker *broker = NULL;
        struct eqp_broker_token *token = NULL;
        bool refreshed;

        assert_int_equal(eqp_broker_open(&broker, "unix:/nowhere/at-all", "a client"), -EINVAL);
        assert_int_equal(eqp_broker_open(&broker, "unix:/nowhere/at-all", "unit"), 0);
        assert_int_equal(eqp_broker_get_token(broker, "Sandbox", 0, 0, &token), -EINVAL);
        assert_int_equal(eqp_broker_get_next_token(broker, "Sandbox", NULL, 0, -1, &token), -EINVAL);
        assert_int_equal(eqp_broker_get_next_token(broker, "sandbox", NULL, 31, -1, &token), -EINVAL);
        assert_int_equal(
                eqp_broker_get_next_token(broker, "sandbox", NULL, EQP_BROKER_WAIT_DEFAULT, -1, &token),
                -EINVAL);
        assert_int_equal(eqp_broker_report_rejected(broker, "Sandbox", "token", &refreshed, &token),
                         -EINVAL);
        assert_int_equal(eqp_broker_report_rejected(broker, "sandbox", "a b", &refreshed, &token), -EINVAL);
        assert_int_equal(eqp_broker_refresh(broker, "no such", &refreshed, NULL), -EINVAL);
        assert_int_equal(eqp_broker_refresh_new_account(broker, "no such", &refreshed, NULL), -EINVAL);
        assert_string_equal(eqp_broker_error_slug(broker), "bad_argument");
        assert_null(token);
        assert_int_equal(eqp_broker_live(broker), -ECONNREFUSED);
        broker = eqp_broker_free(broker);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_long_words_are_cut_between_characters),
                cmocka_unit_test(test_arguments_that_make_no_sense),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
