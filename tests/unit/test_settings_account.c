/* The setting account: the values that it takes, and its messages for others. */
#include "lib/token_exchange.h"
#include "tests/unit/settings_text.h"

#include <stdio.h>

static void expect_account(const char *account)
{
        char text[128];

        (void)snprintf(text, sizeof(text), "[environment sandbox]\naccount = %s\n", account);
        _cleanup_(settings_freep) struct settings *s = read_good(text);
        assert_string_equal(settings_environment(s, "sandbox")->account, account);
        assert_null(settings_environment(s, "production")->account);
}

/* shown: the value as the message repeats it. */
static void expect_no_account(const char *account, const char *shown)
{
        char text[128], expected[SETTINGS_ERROR_MAX];

        (void)snprintf(text, sizeof(text), "[environment sandbox]\naccount = %s\n", account);
        (void)snprintf(
                expected, sizeof(expected),
                "a.conf:2: account = %s: write the mage_id of the account, such as MAG123456789: 1 to 64 "
                "visible ASCII characters without quotes",
                shown);
        expect_error(text, expected);
}

static void accounts(void **state)
{
        char longest[MAGE_ID_MAX + 1] = "";

        expect_account("MAG123456789");
        expect_account("M");
        expect_account("a=b:c");
        expect_account("x#y;z");
        expect_account("~!");
        memset(longest, 'm', MAGE_ID_MAX);
        expect_account(longest);
}

static void no_accounts(void **state)
{
        char too_long[MAGE_ID_MAX + 2] = "", shown[64];

        expect_no_account("two words", "two words");
        expect_no_account("\"M\"", "\"M\"");
        expect_no_account("it's", "it's");
        expect_no_account("a\tb", "a?b");
        expect_no_account("caf\xc3\xa9", "caf??");
        expect_no_account("\"MAG123456789\"", "(a value that is not repeated here)");
        memset(too_long, 'm', MAGE_ID_MAX + 1);
        (void)snprintf(shown, sizeof(shown), "%.60s...", too_long);
        expect_no_account(too_long, shown);
}

static void where_it_stands(void **state)
{
        expect_error("[broker]\naccount = M\n", "a.conf:2: account belongs into [environment NAME]");
        expect_error("[environment sandbox]\naccount = M\naccount = M\n",
                     "a.conf:3: account is set twice in this file: leave one of the two out");
        expect_error("[environment sandbox]\naccount =\n",
                     "a.conf:2: account has no value: write account = VALUE, or leave the line out");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accounts),
                cmocka_unit_test(no_accounts),
                cmocka_unit_test(where_it_stands),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
