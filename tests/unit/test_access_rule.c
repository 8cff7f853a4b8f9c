/* Rules: how they are written, and whom a list of them lets in. */
#include "lib/access_rule.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static struct access_rule rule(const char *text)
{
        struct access_rule result;
        const char *why;

        assert_int_equal(access_rule_parse(text, &result, &why), 0);
        return result;
}

static void rules_clear(struct access_rules *rules)
{
        access_rules_clear(rules);
}

static void add(struct access_rules *rules, const char *text)
{
        struct access_rule r = rule(text);

        assert_int_equal(access_rules_add(rules, &r), 0);
}

static void reads_every_kind(void **state)
{
        struct access_rule r;

        r = rule("any");
        assert_int_equal(r.kind, ACCESS_RULE_ANY);
        assert_false(r.optional);

        r = rule("uid:0");
        assert_int_equal(r.kind, ACCESS_RULE_UID);
        assert_true(r.resolved);
        assert_int_equal(r.id, 0);
        assert_int_equal(rule("uid:1000").id, 1000);
        assert_int_equal(rule("uid:65533").id, 65533);
        assert_int_equal(rule("uid:65535").id, 65535);
        assert_int_equal(rule("gid:4294967294").id, 4294967294U);

        r = rule("gid:33");
        assert_int_equal(r.kind, ACCESS_RULE_GID);
        assert_true(r.resolved);

        r = rule("user:deploy");
        assert_int_equal(r.kind, ACCESS_RULE_USER);
        assert_string_equal(r.name, "deploy");
        assert_false(r.resolved);
        assert_false(r.optional);

        r = rule("group:eqp-broker");
        assert_int_equal(r.kind, ACCESS_RULE_GROUP);
        assert_string_equal(r.name, "eqp-broker");
        assert_string_equal(rule("user:a").name, "a");
        assert_string_equal(rule("user:aaaaaaaaaabbbbbbbbbbccccccccccdd").name,
                            "aaaaaaaaaabbbbbbbbbbccccccccccdd");
        assert_string_equal(rule("user:DOMAIN\\jo.doe@x$").name, "DOMAIN\\jo.doe@x$");

        r = rule("unit:deploy.service");
        assert_int_equal(r.kind, ACCESS_RULE_UNIT);
        assert_string_equal(r.name, "deploy.service");
        assert_true(r.resolved); /* it is in no user database */
        assert_string_equal(rule("unit:worker@.service").name, "worker@.service");
}

static void says_what_is_wrong(void **state)
{
        static const struct {
                const char *text, *why;
        } rows[] = {
                { "", "no rule" },
                { "root", "no rule" },
                { "Any", "no rule" },
                { "any ", "no rule" },
                { "any:1", "no rule" },
                { " any", "no rule" },
                { "users:x", "no rule" },
                { "user x", "no rule" },
                { "USER:x", "no rule" },
                { "uid", "no rule" },
                { "uid:", "number" },
                { "uid:-1", "number" },
                { "uid:+1", "number" },
                { "uid: 1", "number" },
                { "uid:1 ", "number" },
                { "uid:0x10", "number" },
                { "uid:root", "number" },
                { "uid:4294967296", "number" },
                { "uid:4294967297", "number" },
                { "uid:18446744073709551616", "number" },
                { "gid:99999999999999999999999999", "number" },
                { "uid:65534", "nobody" },
                { "gid:65534", "nobody" },
                { "uid:065534", "nobody" },
                { "uid:4294967295", "nobody" },
                { "gid:4294967295", "nobody" },
                { "user:", "missing" },
                { "group:", "missing" },
                { "user:0", "write uid:NUMBER" },
                { "group:1000", "write uid:NUMBER or gid:NUMBER" },
                { "user:aaaaaaaaaabbbbbbbbbbccccccccccddd", "over 32" },
                { "user:-x", "hyphen" },
                { "user:a,user:b", "one rule per line" },
                { "user:a b", "one rule per line" },
                { "user:a:b", "one rule per line" },
                { "user:a;b", "one rule per line" },
                { "user:../x", "one rule per line" },
                { "user:\"a\"", "one rule per line" },
                { "user:a\n", "one rule per line" },
                { "user:caf\xc3\xa9", "one rule per line" },
                { "unit:", "unit:NAME.service" },
                { "unit:deploy", "unit:NAME.service" },
                { "unit:deploy.timer", "runs no program" },
                { "unit:a.service unit:b.service", "one rule per line" },
                { "units:a.service", "no rule" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct access_rule result = { .id = 42 };
                const char *why = NULL;

                assert_int_equal(access_rule_parse(rows[i].text, &result, &why), -EINVAL);
                assert_non_null(why);
                if (!strstr(why, rows[i].why)) {
                        fail_msg("%s: expected \"%s\" in \"%s\"", rows[i].text, rows[i].why, why);
                }
                assert_int_equal(result.id, 42);
        }
}

static void lists_grow_to_a_limit(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 }, copy = { .n = 0 };
        struct access_rule r = rule("uid:7");

        for (size_t i = 0; i < 64; i++) {
                assert_int_equal(access_rules_add(&rules, &r), 0);
        }
        assert_int_equal(access_rules_add(&rules, &r), -E2BIG);
        assert_int_equal(rules.n, 64);

        assert_int_equal(access_rules_copy(&copy, &rules), 0);
        assert_int_equal(copy.n, 64);
        assert_ptr_not_equal(copy.rules, rules.rules);
        assert_int_equal(copy.rules[63].id, 7);

        access_rules_clear(&rules);
        assert_int_equal(rules.n, 0);
        assert_null(rules.rules);
        access_rules_clear(&rules);
        access_rules_clear(&copy);
        assert_int_equal(access_rules_copy(&copy, &rules), 0);
        assert_int_equal(copy.n, 0);
}

static void an_empty_list_refuses_everybody(void **state)
{
        const struct access_rules rules = { .n = 0 };
        const gid_t groups[] = { 0 };
        const struct caller_identity root = {
                .uid = 0, .has_groups = true, .groups = groups, .n_groups = 1
        };

        assert_false(access_rules_allow(&rules, &root));
        assert_false(access_rules_need_groups(&rules, &root));
}

static void callers_are_let_in_by_uid(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };

        add(&rules, "uid:0");
        add(&rules, "uid:1000");
        assert_true(access_rules_allow(&rules, &(struct caller_identity){ .uid = 0 }));
        assert_true(access_rules_allow(&rules, &(struct caller_identity){ .uid = 1000 }));
        assert_false(access_rules_allow(&rules, &(struct caller_identity){ .uid = 1001 }));
        assert_false(access_rules_allow(&rules, &(struct caller_identity){ .uid = 65534 }));
        assert_false(access_rules_allow(&rules, &(struct caller_identity){ .uid = (uid_t)-1 }));
}

static void any_lets_everybody_in(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };

        add(&rules, "any");
        assert_true(access_rules_allow(&rules, &(struct caller_identity){ .uid = 12345 }));
        assert_false(access_rules_need_groups(&rules, &(struct caller_identity){ .uid = 12345 }));
}

static void callers_are_let_in_by_group(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        const gid_t groups[] = { 4, 33 };
        struct caller_identity member = {
                .uid = 1000, .gid = 1000, .has_groups = true, .groups = groups, .n_groups = 2
        };
        struct caller_identity stranger = {
                .uid = 33, .gid = 1000, .has_groups = true, .groups = groups, .n_groups = 1
        };
        struct caller_identity primary = { .uid = 1000, .gid = 33, .has_groups = true };
        struct caller_identity unknown = { .uid = 1000, .gid = 33, .groups = groups, .n_groups = 2 };

        add(&rules, "gid:33");
        assert_true(access_rules_allow(&rules, &member));
        assert_true(access_rules_allow(&rules, &primary));
        assert_false(access_rules_allow(&rules, &stranger)); /* a uid of that number is no member */
        assert_false(access_rules_allow(&rules, &unknown));  /* whatever is in fields that do not count */
}

static void names_count_once_they_are_resolved(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        const gid_t groups[] = { 0, 77 };
        struct caller_identity caller = { .uid = 0, .has_groups = true, .groups = groups, .n_groups = 2 };

        add(&rules, "user:deploy");
        add(&rules, "group:deploy");
        /* The id of an unresolved rule is 0, which must not mean root. */
        assert_false(access_rules_allow(&rules, &caller));
        assert_false(access_rules_need_groups(&rules, &caller));

        rules.rules[0].resolved = true;
        rules.rules[0].id = 7;
        assert_true(access_rules_allow(&rules, &(struct caller_identity){ .uid = 7 }));
        assert_false(access_rules_allow(&rules, &caller));

        rules.rules[1].resolved = true;
        rules.rules[1].id = 77;
        assert_true(access_rules_allow(&rules, &caller));
}

static void units_are_let_in_by_name(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };

        add(&rules, "uid:0");
        add(&rules, "gid:0");
        assert_false(access_rules_allow_unit(&rules, "deploy.service")); /* the manager's uid is no unit's */
        add(&rules, "unit:deploy.service");
        add(&rules, "unit:worker@.service");
        assert_true(access_rules_allow_unit(&rules, "deploy.service"));
        assert_true(access_rules_allow_unit(&rules, "worker@7.service"));
        assert_false(access_rules_allow_unit(&rules, "worker.service"));
        assert_false(access_rules_allow_unit(&rules, "other.service"));
        add(&rules, "any");
        assert_true(access_rules_allow_unit(&rules, "other.service"));
}

static void a_rule_for_a_unit_fits_its_processes(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        struct caller_identity caller = { .uid = 1000 };

        assert_false(access_rules_need_unit(&rules, &caller));
        add(&rules, "unit:deploy.service");
        add(&rules, "unit:worker@.service");
        assert_true(access_rules_need_unit(&rules, &caller));
        assert_false(access_rules_allow(&rules, &caller));
        caller.unit = "other.service";
        assert_false(access_rules_allow(&rules, &caller));
        assert_false(access_rules_name_unit(&rules, "other.service"));
        caller.unit = "deploy.service";
        assert_true(access_rules_allow(&rules, &caller));
        assert_true(access_rules_name_unit(&rules, "deploy.service"));
        caller.unit = "worker@7.service";
        assert_true(access_rules_allow(&rules, &caller));
        caller.unit = "worker@.service";
        assert_false(access_rules_allow(&rules, &caller));
        add(&rules, "uid:1000"); /* which is enough */
        assert_false(access_rules_need_unit(&rules, &caller));
        assert_false(access_rules_name_unit(&rules, "other.service"));
}

static void names_are_not_needed_where_the_unit_decides(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        struct caller_identity caller = { .uid = 1000, .unit = "other.service" };

        add(&rules, "user:alice");
        add(&rules, "unit:deploy.service");
        assert_true(access_rules_need_names(&rules, &caller));
        caller.unit = "deploy.service";
        assert_false(access_rules_need_names(&rules, &caller));
}

static void a_rule_for_a_unit_fits_no_other_caller(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        const gid_t groups[] = { 0 };
        const struct caller_identity root = {
                .uid = 0, .gid = 0, .has_groups = true, .groups = groups, .n_groups = 1
        };

        add(&rules, "unit:deploy.service");
        assert_false(access_rules_allow(&rules, &root));
        assert_false(access_rules_need_groups(&rules, &root));
}

static void groups_are_needed_when_they_decide(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        struct caller_identity caller = { .uid = 1000 };

        add(&rules, "uid:0");
        assert_false(access_rules_need_groups(&rules, &caller));
        add(&rules, "group:later");
        assert_false(access_rules_need_groups(&rules, &caller));
        add(&rules, "gid:33");
        assert_true(access_rules_need_groups(&rules, &caller));
        assert_false(access_rules_need_groups(&rules, &(struct caller_identity){ .uid = 0 }));
        /* A rule behind the group's counts as well. */
        add(&rules, "uid:1000");
        assert_false(access_rules_need_groups(&rules, &caller));
}

static void names_are_needed_when_they_decide(void **state)
{
        _cleanup_(rules_clear) struct access_rules rules = { .n = 0 };
        const struct caller_identity caller = { .uid = 1000 }, root = { .uid = 0 };

        add(&rules, "uid:0");
        assert_false(access_rules_need_names(&rules, &caller));
        add(&rules, "user:later");
        assert_true(access_rules_need_names(&rules, &caller));
        assert_false(access_rules_need_names(&rules, &root));
        /* That a name has this uid at the moment does not make it last. */
        rules.rules[1].resolved = true;
        rules.rules[1].id = 1000;
        assert_true(access_rules_need_names(&rules, &caller));
        add(&rules, "any");
        assert_false(access_rules_need_names(&rules, &caller));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_every_kind),
                cmocka_unit_test(says_what_is_wrong),
                cmocka_unit_test(lists_grow_to_a_limit),
                cmocka_unit_test(an_empty_list_refuses_everybody),
                cmocka_unit_test(callers_are_let_in_by_uid),
                cmocka_unit_test(any_lets_everybody_in),
                cmocka_unit_test(callers_are_let_in_by_group),
                cmocka_unit_test(names_count_once_they_are_resolved),
                cmocka_unit_test(units_are_let_in_by_name),
                cmocka_unit_test(a_rule_for_a_unit_fits_its_processes),
                cmocka_unit_test(names_are_not_needed_where_the_unit_decides),
                cmocka_unit_test(a_rule_for_a_unit_fits_no_other_caller),
                cmocka_unit_test(groups_are_needed_when_they_decide),
                cmocka_unit_test(names_are_needed_when_they_decide),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
