/* Which groups rules name, and which of a caller's are among them. */
#include "lib/rule_groups.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static const struct access_rule *rule(enum access_rule_kind kind, bool resolved, uint32_t id)
{
        static struct access_rule made;

        made = (struct access_rule){ .kind = kind, .resolved = resolved, .id = id };
        return &made;
}

static void all_lists(void **state)
{
        static const gid_t expected[] = { 3, 7, 8, 9, 4000000000 };
        struct settings *settings = NULL;
        struct access_settings *access = NULL;
        struct rule_groups groups;
        struct environment_settings *environment;

        assert_int_equal(settings_new(&settings), 0);
        access_rules_clear(&settings->allow);
        assert_int_equal(access_rules_add(&settings->allow, rule(ACCESS_RULE_GID, true, 9)), 0);
        assert_int_equal(access_rules_add(&settings->allow, rule(ACCESS_RULE_UID, true, 1)), 0);
        assert_int_equal(access_rules_add(&settings->allow, rule(ACCESS_RULE_GROUP, false, 2)), 0);
        assert_int_equal(access_rules_add(&settings->operators, rule(ACCESS_RULE_GROUP, true, 3)), 0);
        assert_int_equal(settings_add_environment(settings, "mine", &environment), 0);
        environment->has_allow = environment->has_operators = true;
        assert_int_equal(access_rules_add(&environment->allow, rule(ACCESS_RULE_GID, true, 4000000000)), 0);
        assert_int_equal(access_rules_add(&environment->allow, rule(ACCESS_RULE_GID, true, 8)), 0);
        assert_int_equal(access_rules_add(&environment->operators, rule(ACCESS_RULE_GID, true, 7)), 0);
        assert_int_equal(access_rules_add(&environment->operators, rule(ACCESS_RULE_GID, true, 9)), 0);

        assert_int_equal(access_settings_new(&access, settings, 0), 0);
        rule_groups_of_access(&groups, access);
        assert_int_equal(groups.n, ARRAY_SIZE(expected));
        assert_memory_equal(groups.ids, expected, sizeof(expected));
        access_settings_free(access);
        settings_free(settings);
}

static void match(void **state)
{
        static const gid_t mixed[] = { 9, 5, 9, 4000000000, 9, 6, 0 };
        struct rule_groups groups = { .n = 4, .ids = { 3, 7, 9, 4000000000 } };
        struct rule_group_list list;

        rule_groups_match(&groups, mixed, ARRAY_SIZE(mixed), &list);
        assert_int_equal(list.n, 2);
        assert_int_equal(list.ids[0], 9);
        assert_int_equal(list.ids[1], 4000000000);
        rule_groups_match(&groups, mixed, 0, &list);
        assert_int_equal(list.n, 0);
        rule_groups_match(&(struct rule_groups){ 0 }, mixed, ARRAY_SIZE(mixed), &list);
        assert_int_equal(list.n, 0);
}

/* As many as there may be, all of them the caller's, and one of them 65,536 times. */
static void most(void **state)
{
        static struct rule_groups groups;
        static struct rule_group_list list;
        static gid_t many[65536];

        for (groups.n = 0; groups.n < RULE_GROUPS_MAX; groups.n++) {
                groups.ids[groups.n] = (gid_t)groups.n * 2;
        }
        for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
                many[i] = (gid_t)(ARRAY_SIZE(many) - i);
        }
        rule_groups_match(&groups, many, ARRAY_SIZE(many), &list);
        assert_int_equal(list.n, RULE_GROUPS_MAX - 1); /* 0 is not among them */
        for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
                many[i] = 2;
        }
        rule_groups_match(&groups, many, ARRAY_SIZE(many), &list);
        assert_int_equal(list.n, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(all_lists), cmocka_unit_test(match),
                                            cmocka_unit_test(most) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
