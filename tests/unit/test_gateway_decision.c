/* The decisions of the gateway's rules: a table for each kind of rule, the order, and any spelling of a
 * path. */
#include "lib/gateway_target.h"
#include "tests/unit/gateway_rules.h"

#include <stdio.h>

/* ---- one rule ---- */

/* One rule, one request. */
static bool fits(const char *rule, const char *method, const char *path)
{
        struct gateway_rules rules = { 0 };
        const struct caller_identity caller = { .uid = 1000, .has_groups = true };
        struct gateway_decision decision;

        add(&rules, rule, true);
        decision = gateway_rules_decide(&rules, NULL, &caller, method, path, strlen(path), "MAG1");
        assert_int_equal(decision.rule != NULL, decision.rule == rules.rules);
        if (decision.rule) {
                assert_int_equal(decision.allowed, !decision.rule->deny);
        } else {
                assert_false(decision.allowed);
        }
        bool found = decision.rule != NULL;
        gateway_rules_clear(&rules);
        return found;
}

static void expect_fits(const char *pattern, const char *path, bool allow, bool deny)
{
        char rule[256];

        (void)snprintf(rule, sizeof(rule), ALLOW "any GET %s", pattern);
        if (fits(rule, "GET", path) != allow) {
                fail_msg("%s, %s", rule, path);
        }
        (void)snprintf(rule, sizeof(rule), DENY "any GET %s", pattern);
        if (fits(rule, "GET", path) != deny) {
                fail_msg("%s, %s", rule, path);
        }
}

static void methods(void **state)
{
        assert_true(fits("allow any GET /rest/v1/a", "GET", "/rest/v1/a"));
        assert_true(fits("allow any GET /rest/v1/a", "HEAD", "/rest/v1/a"));
        assert_false(fits("allow any HEAD /rest/v1/a", "GET", "/rest/v1/a"));
        assert_false(fits("allow any GET /rest/v1/a", "get", "/rest/v1/a"));
        assert_false(fits("allow any GET /rest/v1/a", "head", "/rest/v1/a"));
        assert_false(fits("allow any GET /rest/v1/a", "POST", "/rest/v1/a"));
        assert_false(fits("allow any GET /rest/v1/a", "GE", "/rest/v1/a"));
        assert_false(fits("allow any GET /rest/v1/a", "GETS", "/rest/v1/a"));
        assert_true(fits("allow any PUT,GET,POST /rest/v1/a", "POST", "/rest/v1/a"));
        assert_true(fits("allow any PUT,GET /rest/v1/a", "HEAD", "/rest/v1/a"));
        assert_false(fits("allow any PUT,POST /rest/v1/a", "HEAD", "/rest/v1/a"));
        assert_false(fits("allow any PUT,POST /rest/v1/a", "PUT,POST", "/rest/v1/a"));
        assert_true(fits("allow any * /rest/v1/a", "anything", "/rest/v1/a"));
        /* deny without case */
        assert_true(fits("deny any GET /rest/v1/a", "get", "/rest/v1/a"));
        assert_true(fits("deny any GET /rest/v1/a", "Head", "/rest/v1/a"));
        assert_true(fits("deny any PUT,DELETE /rest/v1/a", "delete", "/rest/v1/a"));
        assert_false(fits("deny any PUT,DELETE /rest/v1/a", "GET", "/rest/v1/a"));
        assert_false(fits("deny any HEAD /rest/v1/a", "GET", "/rest/v1/a"));
}

static void patterns(void **state)
{
        static const struct {
                const char *pattern, *path;
                bool allow, deny;
        } rows[] = {
                { "/rest/v1/a", "/rest/v1/a", true, true },
                { "/rest/v1/a", "/rest/v1/b", false, false },
                { "/rest/v1/a", "/rest/v1/a/b", false, false },
                { "/rest/v1/a", "/rest/v1/ab", false, false },
                { "/rest/v1/a", "/rest/v1/", false, false },
                { "/rest/v1/a/b", "/rest/v1/a", false, false },
                { "/rest/v1/a/b", "/rest/v1/a/b", true, true },
                /* * */
                { "/rest/v1/*", "/rest/v1/a", true, true },
                { "/rest/v1/*", "/rest/v1/", false, false },
                { "/rest/v1/*", "/rest/v1/a/b", false, false },
                { "/rest/v1/a/*", "/rest/v1/a/", false, false },
                { "/rest/v1/*/b", "/rest/v1/a/b", true, true },
                { "/rest/v1/*/b", "/rest/v1/a/c", false, false },
                { "/rest/v1/*/*", "/rest/v1/a/c", true, true },
                { "/rest/v1/*/*", "/rest/v1/a", false, false },
                { "/rest/v1/*", "/rest/v1/*", true, true },
                /* ** */
                { "/rest/v1/**", "/rest/v1/", true, true },
                { "/rest/v1/**", "/rest/v1/a", true, true },
                { "/rest/v1/a/**", "/rest/v1/a", true, true },
                { "/rest/v1/a/**", "/rest/v1/a/", true, true },
                { "/rest/v1/a/**", "/rest/v1/a/b/c/d/", true, true },
                { "/rest/v1/a/**", "/rest/v1/ab", false, false },
                { "/rest/v1/*/**", "/rest/v1/a", true, true },
                { "/rest/v1/*/**", "/rest/v1/", false, false },
                /* {mage_id} */
                { "/rest/v1/users/{mage_id}", "/rest/v1/users/MAG1", true, true },
                { "/rest/v1/users/{mage_id}", "/rest/v1/users/MAG2", false, false },
                { "/rest/v1/users/{mage_id}", "/rest/v1/users/MAG", false, false },
                { "/rest/v1/users/{mage_id}", "/rest/v1/users/MAG11", false, false },
                { "/rest/v1/users/{mage_id}", "/rest/v1/users/mag1", false, true },
                { "/rest/v1/users/{mage_id}", "/rest/v1/users/{mage_id}", false, false },
                { "/rest/v1/users/{mage_id}/**", "/rest/v1/users/MAG1/keys/1", true, true },
                /* a slash at the end, of the path or the pattern */
                { "/rest/v1/a", "/rest/v1/a/", false, true },
                { "/rest/v1/a/", "/rest/v1/a", false, true },
                { "/rest/v1/a/", "/rest/v1/a/", true, true },
                { "/rest/v1/*", "/rest/v1/a/", false, true },
                { "/rest/v1/*/", "/rest/v1/a", false, true },
                { "/rest/v1/{mage_id}", "/rest/v1/MAG1/", false, true },
                /* case */
                { "/rest/v1/users/keys", "/rest/v1/Users/KEYS", false, true },
                { "/rest/v1/Users", "/rest/v1/users", false, true },
                { "/rest/v1/a%3Bb", "/rest/v1/a%3bb", false, true },
                /* encoding */
                { "/rest/v1/a:b", "/rest/v1/a%3Ab", false, true },
                { "/rest/v1/a%3Ab", "/rest/v1/a:b", false, true },
                { "/rest/v1/a+b", "/rest/v1/a%20b", false, true },
                { "/rest/v1/a%2Bb", "/rest/v1/a%20b", false, true },
                { "/rest/v1/a@b", "/rest/v1/A%40B", false, true },
                /* blanks around, and what follows a dot or semicolon */
                { "/rest/v1/keys", "/rest/v1/keys%20", false, true },
                { "/rest/v1/keys", "/rest/v1/+keys", false, true },
                { "/rest/v1/keys", "/rest/v1/keys.json", false, true },
                { "/rest/v1/keys", "/rest/v1/keys.", false, true },
                { "/rest/v1/keys", "/rest/v1/keys%3Ba=b", false, true },
                { "/rest/v1/keys/x", "/rest/v1/keys.json/x", false, true },
                { "/rest/v1/keys", "/rest/v1/keys-json", false, false },
                { "/rest/v1/keys.json", "/rest/v1/keys", false, false },
                { "/rest/v1/a.b", "/rest/v1/a.b.c", false, true },
                /* ends of paths */
                { "/rest/v1/keys", "/rest/v1/keys%3Fa=b", false, true },
                { "/rest/v1/keys", "/rest/v1/keys%3F/a/b", false, true },
                { "/rest/v1/keys", "/rest/v1/keys%23a/b", false, true },
                { "/rest/v1/a%3Fb/c", "/rest/v1/a%3fb/c", false, true },
                { "/rest/v1/a/c", "/rest/v1/a%3Fb/c", false, false },
                /* slashes that may or may not part segments */
                { "/rest/v1/users/keys", "/rest/v1/users%2Fkeys", false, true },
                { "/rest/v1/users/**", "/rest/v1/users%2Fkeys", false, true },
                { "/rest/v1/*", "/rest/v1/users%2Fkeys", true, true },
                { "/rest/v1/*/*", "/rest/v1/users%2Fkeys", false, true },
                { "/rest/v1/*/*/*", "/rest/v1/users%2Fkeys", false, false },
                { "/rest/v1/a/**", "/rest/v1/a/b%2Fc", true, true },
                { "/rest/v1/a/b", "/rest/v1/a%2Fb%3F/c", false, true },
                { "/rest/v1/a/*/d", "/rest/v1/a/b%2Fc/d", true, true },
                { "/rest/v1/a/*/*/d", "/rest/v1/a/b%2Fc/d", false, true },
                /* characters beyond ASCII */
                { "/rest/v1/keys", "/rest/v1/%E2%84%AAeys", false, true },
                { "/rest/v1/users", "/rest/v1/u%C5%BFer%C5%BF", false, true },
                { "/rest/v1/users", "/rest/v1/u%C5%BFerx", false, false },
                { "/rest/v1/users", "/rest/v1/xu%C5%BFers", false, false },
                { "/rest/v1/%C3%84rger", "/rest/v1/%C3%A4rger", false, true },
                { "/rest/v1/%C3%84rger", "/rest/v1/arger", false, true },
                { "/rest/v1/%C3%84rger", "/rest/v1/%C3%84rger", true, true },
                { "/rest/v1/%C3%84rger", "/rest/v1/%C3%84rge", false, false },
                { "/rest/v1/keys", "/rest/v1/keys%C2%A0", false, true },
                { "/rest/v1/keys", "/rest/v1/%C2%A0keys", false, true },
                { "/rest/v1/keys", "/rest/v1/%E2%84%AAeys.json", false, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                expect_fits(rows[i].pattern, rows[i].path, rows[i].allow, rows[i].deny);
        }
}

/* Without an account nothing is the account's own, and anything may be. */
static void unknown_account(void **state)
{
        struct gateway_rules rules = { 0 };
        const struct caller_identity caller = { .uid = 1000, .has_groups = true };
        const char *path = "/rest/v1/users/MAG1";

        add(&rules, "allow any GET /rest/v1/users/{mage_id}", true);
        assert_false(gateway_rules_decide(&rules, NULL, &caller, "GET", path, strlen(path), NULL).allowed);
        add(&rules, "allow any GET /rest/v1/users/*", true);
        assert_true(gateway_rules_decide(&rules, NULL, &caller, "GET", path, strlen(path), NULL).allowed);
        add(&rules, "deny any GET /rest/v1/users/{mage_id}", true);
        assert_false(gateway_rules_decide(&rules, NULL, &caller, "GET", path, strlen(path), NULL).allowed);
        assert_true(gateway_rules_decide(&rules, NULL, &caller, "GET", path, strlen(path), "MAG2").allowed);
        gateway_rules_clear(&rules);
}

/* A target that is no path of the gateway is never allowed. */
static void other_paths(void **state)
{
        static const char *const paths[] = { "",           "/",          "/rest/v1",
                                             "xrest/v1/a", "/REST/v1/a", "/production/rest/v1/a" };
        struct gateway_rules rules = { 0 };
        const struct caller_identity caller = { .uid = 0, .has_groups = true };

        add(&rules, "allow any * /rest/v1/**", true);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                assert_false(
                        gateway_rules_decide(&rules, NULL, &caller, "GET", paths[i], strlen(paths[i]), NULL)
                                .allowed);
        }
        gateway_rules_clear(&rules);
}

/* Which rule decides: its place in the list, -1 none, 100 and up: of the key's own. */
static int decide(const struct gateway_rules *rules, const struct gateway_rules *of_key,
                  const struct caller_identity *caller, const char *path)
{
        struct gateway_decision decision =
                gateway_rules_decide(rules, of_key, caller, "GET", path, strlen(path), NULL);

        if (!decision.rule) {
                assert_false(decision.allowed);
                return -1;
        }
        assert_int_equal(decision.allowed, !decision.rule->deny);
        if (of_key && decision.rule >= of_key->rules && decision.rule < of_key->rules + of_key->n) {
                return 100 + (int)(decision.rule - of_key->rules);
        }
        return (int)(decision.rule - rules->rules);
}

static void order(void **state)
{
        struct gateway_rules rules = { 0 }, own = { 0 };
        const struct caller_identity user = { .uid = 7, .has_groups = true };
        const struct caller_identity key = { .uid = 7, .has_groups = true, .local = "reports" };
        const struct caller_identity other = { .uid = 7, .has_groups = true, .local = "Reports" };

        add(&rules, "allow uid:7 GET /rest/v1/a/**", true);            /* 0 */
        add(&rules, "allow any GET /rest/v1/**", true);                /* 1 */
        add(&rules, "deny any * /rest/v1/a/secret", true);             /* 2 */
        add(&rules, "allow local:reports GET /rest/v1/b/**", true);    /* 3 */
        add(&rules, "deny local:reports GET /rest/v1/b/secret", true); /* 4 */
        add(&rules, "deny uid:7 GET /rest/v1/seven", true);            /* 5 */
        add(&own, "allow GET /rest/v1/c/**", false);
        add(&own, "allow GET /rest/v1/a/secret", false);
        add(&own, "allow GET /rest/v1/seven", false);

        /* the first that fits, denies before all */
        assert_int_equal(decide(&rules, NULL, &user, "/rest/v1/a/x"), 0);
        assert_int_equal(decide(&rules, NULL, &user, "/rest/v1/x"), 1);
        assert_int_equal(decide(&rules, NULL, &user, "/rest/v1/a/secret"), 2);
        assert_int_equal(decide(&rules, NULL, &user, "/rest/v1/b/secret"), 1);
        /* with a key its rights, and no others */
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/c/x"), 100);
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/b/x"), 3);
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/a/x"), -1);
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/x"), -1);
        assert_int_equal(decide(&rules, &(struct gateway_rules){ 0 }, &key, "/rest/v1/c/x"), -1);
        assert_int_equal(decide(&rules, &(struct gateway_rules){ 0 }, &other, "/rest/v1/b/x"), -1);
        assert_int_equal(decide(&rules, NULL, &key, "/rest/v1/b/x"), 3);
        /* denies hold for it: everybody's, its own, and its caller's */
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/a/secret"), 2);
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/b/secret"), 4);
        assert_int_equal(decide(&rules, &own, &key, "/rest/v1/seven"), 5);
        gateway_rules_clear(&rules);
        gateway_rules_clear(&own);
}

static void callers(void **state)
{
        static const gid_t groups[] = { 33, 44 };
        const struct caller_identity member = {
                .uid = 1, .gid = 5, .has_groups = true, .groups = groups, .n_groups = 2
        };
        const struct caller_identity stranger = { .uid = 1, .gid = 5, .has_groups = true };
        const struct caller_identity unknown = { .uid = 1, .gid = 5 };
        const char *a = "/rest/v1/a";
        struct gateway_rules rules = { 0 };

        add(&rules, "allow gid:44 GET /rest/v1/a", true);
        assert_int_equal(decide(&rules, NULL, &member, a), 0);
        assert_int_equal(decide(&rules, NULL, &stranger, a), -1);
        assert_int_equal(decide(&rules, NULL, &unknown, a), -1);
        gateway_rules_clear(&rules);

        /* every possible member is denied */
        add(&rules, "deny gid:44 GET /rest/v1/a", true);
        add(&rules, "allow any GET /rest/v1/a", true);
        assert_int_equal(decide(&rules, NULL, &member, a), 0);
        assert_int_equal(decide(&rules, NULL, &stranger, a), 1);
        assert_int_equal(decide(&rules, NULL, &unknown, a), 0);
        gateway_rules_clear(&rules);

        /* names: resolved, not told yet, not there */
        add(&rules, "deny user:bob GET /rest/v1/a", true);
        add(&rules, "allow user:ann GET /rest/v1/a", true);
        add(&rules, "allow any GET /rest/v1/a", true);
        assert_int_equal(decide(&rules, NULL, &stranger, a), 0);
        rules.rules[0].who.absent = true;
        assert_int_equal(decide(&rules, NULL, &stranger, a), 2);
        rules.rules[0].who =
                (struct access_rule){ ACCESS_RULE_USER, .resolved = true, .id = 1, .name = "bob" };
        assert_int_equal(decide(&rules, NULL, &stranger, a), 0);
        rules.rules[0].who.id = 2;
        rules.rules[1].who =
                (struct access_rule){ ACCESS_RULE_USER, .resolved = true, .id = 1, .name = "ann" };
        assert_int_equal(decide(&rules, NULL, &stranger, a), 1);
        gateway_rules_clear(&rules);

        add(&rules, "deny group:g GET /rest/v1/a", true);
        add(&rules, "allow any GET /rest/v1/a", true);
        assert_int_equal(decide(&rules, NULL, &stranger, a), 0);
        rules.rules[0].who.resolved = true;
        rules.rules[0].who.id = 6;
        assert_int_equal(decide(&rules, NULL, &stranger, a), 1);
        gateway_rules_clear(&rules);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(methods),     cmocka_unit_test(patterns), cmocka_unit_test(unknown_account),
                cmocka_unit_test(other_paths), cmocka_unit_test(order),    cmocka_unit_test(callers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
