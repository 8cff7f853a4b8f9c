/* Names of units: which there can be, and whom a rule means. */
#include "lib/unit_name.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void names_that_can_ask(void **state)
{
        static const char *const names[] = {
                "a.service",       "deploy.service",         "worker@7.service",
                "worker@.service", "eqp@a.b.service",        "eqp@x@y.service",
                "eqp@.b.service",  "a:b-c_d.1\\x2d.service", "system-getty.slice.service",
                "srv-data.mount",  "dev-sda.swap",           "app.socket",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *fault = unit_name_fault(names[i], strlen(names[i]));
                if (fault) {
                        fail_msg("%s: %s", names[i], fault);
                }
        }
}

static void says_what_is_wrong(void **state)
{
        static const struct {
                const char *name, *why;
        } rows[] = {
                { "", "missing" },
                { "deploy", "no type" },
                { "deploy.", "no type" },
                { "deploy.Service", "no type" },
                { "deploy.services", "no type" },
                { "deploy.service.d", "no type" },
                { ".service", "nothing before" },
                { "@.service", "nothing before" },
                { "@a.service", "nothing before" },
                { "deploy.timer", "runs no program" },
                { "multi-user.target", "runs no program" },
                { "user-1000.slice", "runs no program" },
                { "session-1.scope", "runs no program" },
                { "deploy*.service", "instances" },
                { "a b.service", "one rule per line" },
                { "a.service,b.service", "one rule per line" },
                { "../a.service", "one rule per line" },
                { "a\n.service", "one rule per line" },
                { "caf\xc3\xa9.service", "one rule per line" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *fault = unit_name_fault(rows[i].name, strlen(rows[i].name));
                if (!fault || !strstr(fault, rows[i].why)) {
                        fail_msg("%s: expected \"%s\" in \"%s\"", rows[i].name, rows[i].why,
                                 fault ? fault : "(no fault)");
                }
        }
}

static void the_longest_name_has_98_characters(void **state)
{
        char name[UNIT_NAME_MAX + 2];

        memset(name, 'a', sizeof(name));
        memcpy(name + UNIT_NAME_MAX - 8, ".service", 9);
        assert_null(unit_name_fault(name, UNIT_NAME_MAX));
        memcpy(name + UNIT_NAME_MAX - 7, ".service", 8);
        assert_non_null(strstr(unit_name_fault(name, UNIT_NAME_MAX + 1), "over 98"));
}

static void only_what_is_within_the_length_counts(void **state)
{
        assert_null(unit_name_fault("a.service/eqp", 9));
        assert_non_null(unit_name_fault("a.service", 8));
        assert_non_null(unit_name_fault("a\0b.service", 11));
        assert_true(unit_name_is_template("a@.service/x.y", 10));
}

static void a_name_fits_itself(void **state)
{
        assert_true(unit_name_fits("deploy.service", "deploy.service"));
        assert_false(unit_name_fits("deploy.service", "deploy.socket"));
        assert_false(unit_name_fits("deploy.service", "deploy2.service"));
        assert_false(unit_name_fits("deploy.service", "Deploy.service"));
        assert_false(unit_name_fits("deploy.service", "deploy@1.service"));
        assert_true(unit_name_fits("worker@7.service", "worker@7.service"));
        assert_false(unit_name_fits("worker@7.service", "worker@8.service"));
}

static void a_template_fits_its_instances(void **state)
{
        assert_true(unit_name_fits("worker@.service", "worker@7.service"));
        assert_true(unit_name_fits("worker@.service", "worker@a@b.service"));
        assert_true(unit_name_fits("worker@.service", "worker@a.b.service"));
        assert_false(unit_name_fits("worker@.service", "worker.service"));
        assert_false(unit_name_fits("worker@.service", "worker@.service")); /* which never runs */
        assert_false(unit_name_fits("worker@.service", "worker@7.socket"));
        assert_false(unit_name_fits("worker@.service", "worker2@7.service"));
        assert_false(unit_name_fits("worker@.service", "other@worker@7.service"));
        assert_false(unit_name_fits("worker@.service", "worker@service"));
        /* An instance with a dot at its beginning is no template. */
        assert_false(unit_name_is_template("worker@.b.service", 17));
        assert_false(unit_name_fits("worker@.b.service", "worker@c.b.service"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_that_can_ask),
                cmocka_unit_test(says_what_is_wrong),
                cmocka_unit_test(the_longest_name_has_98_characters),
                cmocka_unit_test(only_what_is_within_the_length_counts),
                cmocka_unit_test(a_name_fits_itself),
                cmocka_unit_test(a_template_fits_its_instances),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
