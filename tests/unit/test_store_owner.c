/* The users that a store's socket may belong to. */
#include "lib/store_owner.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void root_the_same_user_and_system_users_are_expected(void **state)
{
        static const struct {
                uid_t owner, daemon;
                bool expected;
        } rows[] = {
                { 0, 990, true },        { 0, 1000, true },        { 1000, 1000, true },
                { 990, 991, true },      { 999, 1000, true },      { 1000, 990, false },
                { 1001, 1000, false },   { 61183, 990, false },    { 61184, 990, true },
                { 65519, 990, true },    { 65520, 990, false },    { 65534, 990, false },
                { 65534, 65534, true },  { 100998, 990, false },   { (uid_t)-1, 990, false },
                { (uid_t)-2, 0, false }, { 100998, 100998, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                assert_int_equal(store_owner_expected(rows[i].owner, rows[i].daemon), rows[i].expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(root_the_same_user_and_system_users_are_expected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
