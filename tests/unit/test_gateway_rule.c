/* Rules of the gateway: the forms that are read, and which rule makes another one needless. */
#include "tests/unit/gateway_rules.h"

#include <errno.h>
#include <stdio.h>

static void expect_fault(const char *text, bool with_who, const char *part)
{
        struct gateway_rule rule = { .deny = true };
        const char *why = NULL;

        assert_int_equal(gateway_rule_parse(text, with_who, &rule, &why), -EINVAL);
        if (!strstr(why, part)) {
                fail_msg("%s: %s", text, why);
        }
}

static void reading_and_writing(void **state)
{
        struct gateway_rule rule = { .deny = true, .place = "a.conf:1" };
        char text[GATEWAY_RULE_TEXT_MAX];
        const char *why;

        assert_int_equal(gateway_rule_parse(" user:ci \t GET,POST  /rest/v1/users/{mage_id}/a/** ", true,
                                            &rule, &why),
                         0);
        assert_int_equal(rule.who.kind, ACCESS_RULE_USER);
        assert_string_equal(rule.methods, "GET,POST");
        assert_string_equal(rule.pattern, "/rest/v1/users/{mage_id}/a/**");
        assert_true(rule.deny);
        assert_string_equal(rule.place, "a.conf:1");
        assert_string_equal(gateway_rule_format(&rule, true, text),
                            "user:ci GET,POST /rest/v1/users/{mage_id}/a/**");
        assert_string_equal(gateway_rule_format(&rule, false, text),
                            "GET,POST /rest/v1/users/{mage_id}/a/**");

        assert_int_equal(gateway_rule_parse("* /rest/v1/**", false, &rule, &why), 0);
        assert_int_equal(rule.who.kind, ACCESS_RULE_ANY);
        assert_int_equal(gateway_rule_parse("local:reports GET /rest/v1/a/", true, &rule, &why), 0);
        assert_int_equal(rule.who.kind, ACCESS_RULE_LOCAL);
        assert_string_equal(gateway_rule_format(&rule, true, text), "local:reports GET /rest/v1/a/");
}

static void text_that_is_no_rule(void **state)
{
        static const struct {
                const char *text, *part;
        } faults[] = {
                { "", "write METHODS PATTERN" },
                { "GET", "write METHODS PATTERN" },
                { "GET /rest/v1/a b", "write METHODS PATTERN" },
                { "GET POST /rest/v1/a", "write METHODS PATTERN" },
                { "get /rest/v1/a", "capitals" },
                { "GET,post /rest/v1/a", "capitals" },
                { "GET,* /rest/v1/a", "capitals" },
                { "GET, /rest/v1/a", "a method is missing" },
                { ",GET /rest/v1/a", "a method is missing" },
                { "GET,,PUT /rest/v1/a", "a method is missing" },
                { "ABCDEFGHIJKLMNOPQ /rest/v1/a", "16 characters" },
                { "TRACE /rest/v1/a", "never passed on" },
                { "GET,CONNECT /rest/v1/a", "never passed on" },
                { "GET rest/v1/a", "begins with /rest/v1/" },
                { "GET /rest/v1", "begins with /rest/v1/" },
                { "GET /rest/v2/a", "begins with /rest/v1/" },
                { "GET /REST/v1/a", "begins with /rest/v1/" },
                { "GET /production/rest/v1/a", "begins with /rest/v1/" },
                { "GET **", "begins with /rest/v1/" },
                { "GET /rest/v1/", "names nothing" },
                { "GET /rest/v1/**/a", "at the end only" },
                { "GET /rest/v1/**/", "at the end only" },
                { "GET /rest/v1/a*", "whole segments" },
                { "GET /rest/v1/***", "whole segments" },
                { "GET /rest/v1/a/**b", "whole segments" },
                { "GET /rest/v1/{sku}", "braces" },
                { "GET /rest/v1/a{mage_id}", "braces" },
                { "GET /rest/v1/}", "braces" },
                { "GET /rest/v1//a", "two slashes" },
                { "GET /rest/v1/a//", "two slashes" },
                { "GET /rest/v1/a?b=c", "no query" },
                { "GET /rest/v1/../a", "segment . or .." },
                { "GET /rest/v1/.", "segment . or .." },
                { "GET /rest/v1/a%2Fb", "percent-encoded slash" },
                { "GET /rest/v1/%61", "percent-encoded letter" },
                { "GET /rest/v1/a;b", "semicolon" },
                { "GET /rest/v1/a\\b", "backslash" },
                { "GET /rest/v1/a#b", "%23" },
                { "GET /rest/v1/\xc3\xa4", "visible ASCII" },
                { "GET /rest/v1/a%", "hexadecimal" },
        };
        char text[512], name[GATEWAY_PATTERN_MAX + 1];

        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                expect_fault(faults[i].text, false, faults[i].part);
        }
        expect_fault("GET /rest/v1/a", true, "write WHO METHODS PATTERN");
        expect_fault("user:a b GET /rest/v1/a", true, "write WHO METHODS PATTERN");
        expect_fault("a GET /rest/v1/a", true, "it is no rule");
        expect_fault("uid:65534 GET /rest/v1/a", true, "stands for nobody");
        expect_fault("unit:a.service GET /rest/v1/a", true, "not by units");
        expect_fault("local:.a GET /rest/v1/a", true, "no name of a local key");

        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        (void)snprintf(text, sizeof(text), "GET /rest/v1/%s", name);
        expect_fault(text, false, "over 160 characters");
        text[4 + GATEWAY_PATTERN_MAX] = '\0';
        assert_int_equal(
                gateway_rule_parse(text, false, &(struct gateway_rule){ 0 }, &(const char *){ NULL }), 0);
        expect_fault("ABCDEFGHIJKLMNOP,ABCDEFGHIJKLMNOP,ABCDEFGHIJKLMNOP,ABCDEFGHIJKLMNOP,ABCDEFGHIJKLM "
                     "/rest/v1/a",
                     false, "over 80 characters");
}

static void lists(void **state)
{
        struct gateway_rules rules = { 0 }, copy = { 0 };
        struct gateway_rule rule = { 0 };

        for (int i = 0; i < GATEWAY_RULES_MAX; i++) {
                add(&rules, "deny any * /rest/v1/a", true);
        }
        assert_int_equal(gateway_rules_add(&rules, &rule), -E2BIG);
        assert_int_equal(gateway_rules_copy(&copy, &rules), 0);
        gateway_rules_clear(&rules);
        assert_int_equal(copy.n, GATEWAY_RULES_MAX);
        assert_string_equal(copy.rules[63].pattern, "/rest/v1/a");
        gateway_rules_clear(&copy);
        assert_int_equal(copy.n, 0);
        assert_int_equal(gateway_rules_copy(&copy, &rules), 0);
        assert_null(copy.rules);
}

/* ---- rules that nothing reaches ---- */

static bool covers(const char *earlier, const char *later)
{
        struct gateway_rules rules = { 0 };
        bool covered;

        add(&rules, earlier, true);
        add(&rules, later, true);
        covered = gateway_rule_covers(&rules.rules[0], &rules.rules[1]);
        gateway_rules_clear(&rules);
        return covered;
}

static void covered_rules(void **state)
{
        static const struct {
                const char *earlier, *later;
                bool covers;
        } rows[] = {
                { "allow any GET /rest/v1/a", "allow any GET /rest/v1/a", true },
                { "allow any GET /rest/v1/a", "allow uid:1 HEAD /rest/v1/a", true },
                { "allow uid:1 GET /rest/v1/a", "allow any GET /rest/v1/a", false },
                { "allow uid:1 GET /rest/v1/a", "allow uid:1 GET /rest/v1/a", true },
                { "allow uid:1 GET /rest/v1/a", "allow uid:2 GET /rest/v1/a", false },
                { "allow uid:1 GET /rest/v1/a", "allow gid:1 GET /rest/v1/a", false },
                { "allow user:a GET /rest/v1/a", "allow user:a GET /rest/v1/a", true },
                { "allow any GET /rest/v1/a", "allow local:k GET /rest/v1/a", false },
                { "deny any GET /rest/v1/a", "allow local:k GET /rest/v1/a", true },
                { "deny any GET /rest/v1/a", "deny local:k GET /rest/v1/a", true },
                { "allow any GET /rest/v1/a", "deny any GET /rest/v1/a", false },
                { "deny any GET /rest/v1/a", "allow any GET /rest/v1/a", true },
                { "deny any GET /rest/v1/A", "allow any GET /rest/v1/a/", true },
                { "allow any GET /rest/v1/A", "allow any GET /rest/v1/a", false },
                { "allow any GET /rest/v1/a", "allow any GET /rest/v1/a/", false },
                { "deny any GET /rest/v1/a:b", "allow any GET /rest/v1/a%3Ab", true },
                { "deny any GET /rest/v1/keys", "allow any GET /rest/v1/keys.json", true },
                /* methods */
                { "allow any * /rest/v1/a", "allow any GET,PUT /rest/v1/a", true },
                { "allow any GET,PUT /rest/v1/a", "allow any * /rest/v1/a", false },
                { "allow any GET,PUT /rest/v1/a", "allow any PUT,HEAD /rest/v1/a", true },
                { "allow any HEAD /rest/v1/a", "allow any GET /rest/v1/a", false },
                { "allow any PUT /rest/v1/a", "allow any PUT,GET /rest/v1/a", false },
                /* patterns */
                { "allow any * /rest/v1/**", "allow any * /rest/v1/a/*/**", true },
                { "allow any * /rest/v1/a/**", "allow any * /rest/v1/a", true },
                { "allow any * /rest/v1/a/**", "allow any * /rest/v1/a/", true },
                { "allow any * /rest/v1/a/**", "allow any * /rest/v1/**", false },
                { "allow any * /rest/v1/a/*", "allow any * /rest/v1/a/**", false },
                { "allow any * /rest/v1/*", "allow any * /rest/v1/a", true },
                { "allow any * /rest/v1/*", "allow any * /rest/v1/{mage_id}", true },
                { "allow any * /rest/v1/*", "allow any * /rest/v1/*", true },
                { "allow any * /rest/v1/*", "allow any * /rest/v1/a/b", false },
                { "allow any * /rest/v1/*/", "allow any * /rest/v1/a", false },
                { "allow any * /rest/v1/a/*", "allow any * /rest/v1/a/", false },
                { "allow any * /rest/v1/a", "allow any * /rest/v1/*", false },
                { "allow any * /rest/v1/{mage_id}", "allow any * /rest/v1/{mage_id}", true },
                { "allow any * /rest/v1/{mage_id}", "allow any * /rest/v1/*", false },
                { "deny any * /rest/v1/{mage_id}", "allow any * /rest/v1/a", false },
                { "deny any * /rest/v1/a/b", "allow any * /rest/v1/a", false },
                { "deny any * /rest/v1/a/**", "allow any * /rest/v1/a/**", true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (covers(rows[i].earlier, rows[i].later) != rows[i].covers) {
                        fail_msg("%s, %s", rows[i].earlier, rows[i].later);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reading_and_writing),
                cmocka_unit_test(text_that_is_no_rule),
                cmocka_unit_test(lists),
                cmocka_unit_test(covered_rules),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
