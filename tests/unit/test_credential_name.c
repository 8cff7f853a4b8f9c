/* The meaning of a credential's name. */
#include "lib/credential_name.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void valid_names(void **state)
{
        char longest[CREDENTIAL_NAME_MAX + 1];

        memset(longest, 'x', sizeof(longest));
        assert_true(credential_name_valid("a", 1));
        assert_true(credential_name_valid("eqp.sandbox.json", 16));
        assert_true(credential_name_valid("...", 3));
        assert_true(credential_name_valid("a b~!", 5));
        assert_true(credential_name_valid(longest, CREDENTIAL_NAME_MAX));

        assert_false(credential_name_valid("", 0));
        assert_false(credential_name_valid(".", 1));
        assert_false(credential_name_valid("..", 2));
        assert_false(credential_name_valid("a/b", 3));
        assert_false(credential_name_valid("a:b", 3));
        assert_false(credential_name_valid("a\nb", 3));
        assert_false(credential_name_valid("a\0b", 3));
        assert_false(credential_name_valid("a\x7f", 2));
        assert_false(credential_name_valid("\xc3\xa9", 2));
        assert_false(credential_name_valid(longest, CREDENTIAL_NAME_MAX + 1));
}

static void says_what_is_wanted(void **state)
{
        static const struct {
                const char *name, *environment;
                bool json, sure;
        } rows[] = {
                { "sandbox", "sandbox", false, false },
                { "sandbox.json", "sandbox", true, false },
                { "eqp.sandbox", "sandbox", false, true },
                { "eqp.sandbox.json", "sandbox", true, true },
                { "eqp", "eqp", false, false }, /* there may be an environment of that name */
                { "eqp.json", "eqp", true, false },
                { "eqp.eqp", "eqp", false, true },
                { "token", "token", false, false },
                { "EQP_TOKEN", "", false, false },
                { "my token", "", false, false },
                { "sandbox.txt", "", false, false },
                { "eqp.Sandbox", "", false, true },
                { "eqp.sandbox.txt", "", false, true },
                { "eqp.metrics", "", false, true },
                { "eqp.", "", false, false },
                { "eqp..json", "", true, false },
                { ".json", "", false, false },
                { ".json.json", "", true, false },
                { "json", "json", false, false },
                { "sandbox.JSON", "", false, false },
                { "aaaaaaaaaabbbbbbbbbbccccccccccddd", "", false, false },
                { "eqp.aaaaaaaaaabbbbbbbbbbccccccccccdd.json", "aaaaaaaaaabbbbbbbbbbccccccccccdd", true,
                  true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct credential_name name;

                credential_name_read(rows[i].name, &name);
                if (!streq(name.environment, rows[i].environment) || name.json != rows[i].json ||
                    name.sure != rows[i].sure) {
                        fail_msg("%s: environment \"%s\", json %d, sure %d", rows[i].name, name.environment,
                                 name.json, name.sure);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(valid_names),
                cmocka_unit_test(says_what_is_wanted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
