/* Routes: every row, everything that is nearly a row, and every byte. */
#include "lib/route.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define LONG     "aaaaaaaaaabbbbbbbbbbccccccccccdd"
#define UPSTREAM "/rest/v1/app/session/token"
#define TOKEN    "/v1/{environment}/token"
#define REJECT   "/token/rejected"
#define REJECTED "/v1/{environment}" REJECT
#define REFRESH  "/v1/{environment}/refresh"
#define SESSION  "/{environment}" UPSTREAM

static void every_row(void **state)
{
        static const struct {
                const char *target, *environment, *pattern;
                enum route_id id;
                bool post, health;
        } rows[] = {
                { "/livez", "", "/livez", ROUTE_LIVE, false, true },
                { "/readyz", "", "/readyz", ROUTE_READY, false, true },
                { "/metrics", "", "/metrics", ROUTE_METRICS, false, true },
                { "/v1/status", "", "/v1/status", ROUTE_STATUS, false, false },
                { "/v1/reload", "", "/v1/reload", ROUTE_RELOAD, true, false },
                { "/v1/reload/token", "reload", TOKEN, ROUTE_TOKEN, false, false },
                { "/v1/sandbox/token", "sandbox", TOKEN, ROUTE_TOKEN, false, false },
                { "/v1/status/token", "status", TOKEN, ROUTE_TOKEN, false, false },
                { "/v1/" LONG "/token", LONG, TOKEN, ROUTE_TOKEN, false, false },
                { "/v1/a" REJECT, "a", REJECTED, ROUTE_TOKEN_REJECTED, true, false },
                { "/v1/a-1/refresh", "a-1", REFRESH, ROUTE_REFRESH, true, false },
                { "/sandbox" UPSTREAM, "sandbox", SESSION, ROUTE_SESSION_TOKEN, true, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct route_match match;
                char with_query[256];

                assert_int_equal(route_find(rows[i].target, &match), 0);
                assert_int_equal(match.route->id, rows[i].id);
                assert_string_equal(match.environment, rows[i].environment);
                assert_string_equal(match.route->pattern, rows[i].pattern);
                assert_string_equal(match.route->allow, rows[i].post ? "POST" : "GET, HEAD");
                assert_int_equal(match.route->health, rows[i].health);

                /* The part behind the question mark is not looked at. */
                (void)snprintf(with_query, sizeof(with_query), "%s?%%00//../ \xff#?", rows[i].target);
                assert_int_equal(route_find(with_query, &match), 0);
                assert_int_equal(match.route->id, rows[i].id);
                assert_true(route_target_has_query(with_query));
                assert_false(route_target_has_query(rows[i].target));
        }
}

static void expect_result(const char *const *targets, size_t n, int expected)
{
        for (size_t i = 0; i < n; i++) {
                struct route_match match = { .environment = "kept" };
                int r = route_find(targets[i], &match);

                if (r != expected) {
                        fail_msg("%s: got %d, expected %d", targets[i], r, expected);
                }
                assert_string_equal(match.environment, "kept");
                assert_null(match.route);
        }
}

static void paths_that_are_none_of_ours(void **state)
{
        static const char *const targets[] = {
                "/",
                "/?x=1",
                "/x",
                "/v1",
                "/v1/sandbox",
                "/v1/token",
                "/v1/statuss",
                "/v1/statu",
                "/v1/reload/x",
                "/reload",
                "/V1/status",
                "/v1/Status",
                "/Livez",
                "/livez.html",
                "/livez/x",
                "/v1/status/x",
                "/v1/sandbox/tokens",
                "/v1/sandbox/toke",
                "/v1/sandbox/token/x",
                "/v1/sandbox/token/rejected/x",
                "/v1/sandbox/a/token",
                "/v1/Sandbox/token",
                "/v1/1/token",
                "/v1/-/token",
                "/v1/sand_box/token",
                "/v1/sand.box/token",
                "/v1/.../token",
                "/v1/v1/token",
                "/v1/livez/token",
                "/v1/readyz/refresh",
                "/v1/metrics/token/rejected",
                "/v1/aaaaaaaaaabbbbbbbbbbccccccccccddd/token",
                "/v1/rest/v1/app/session/token",
                "/metrics/rest/v1/app/session/token",
                "/SANDBOX/rest/v1/app/session/token",
                "/rest/v1/app/session/token",
                "/sandbox/x/rest/v1/app/session/token",
                "/{environment}",
        };

        expect_result(targets, ARRAY_SIZE(targets) - 1, -ENOENT);
        /* Braces are no bytes of a path. */
        expect_result(targets + ARRAY_SIZE(targets) - 1, 1, -EINVAL);
}

static void paths_spelt_otherwise(void **state)
{
        static const char *const targets[] = {
                "",
                "?",
                "*",
                "livez",
                " /livez",
                "/livez ",
                "/livez/",
                "//",
                "//livez",
                "/v1//status",
                "/v1/status//",
                "/.",
                "/..",
                "/./livez",
                "/x/../livez",
                "/livez/.",
                "/livez/..",
                "/v1/./status",
                "/v1/../v1/status",
                "/%6civez",
                "/v1/sandbox%2ftoken",
                "/v1/sandbox/token%00",
                "/v1/sandbox/token;x",
                "/v1/sandbox/token#x",
                "/v1\\status",
                "/v1/sandbox/t\xc3\xb6ken",
                "/livez\r\nHost: x",
                "http://127.0.0.1/livez",
                "127.0.0.1:9377",
                "/~root",
                "/a+b",
                "/a&b",
                "/a=b",
        };

        expect_result(targets, ARRAY_SIZE(targets), -EINVAL);
}

/* Clients of the EQP API have a base URL and put paths behind it. */
static void paths_of_the_upstream(void **state)
{
        static const struct {
                const char *target, *environment;
                enum route_id id;
        } rows[] = {
                { "/sandbox//rest/v1/app/session/token", "sandbox", ROUTE_SESSION_TOKEN },
                { "/sandbox/rest/v1/app/session/token/", "sandbox", ROUTE_SESSION_TOKEN },
                { "/a//rest/v1/app/session/token/?x", "a", ROUTE_SESSION_TOKEN },
                { "/sandbox/rest/v1/app/session/token//", "sandbox", ROUTE_UPSTREAM },
                { "/sandbox/rest/v1//app/session/token", "sandbox", ROUTE_UPSTREAM },
                { "/sandbox/rest/v1/app/session", "sandbox", ROUTE_UPSTREAM },
                { "/sandbox/rest/v2/app/session/token", "sandbox", ROUTE_UPSTREAM },
                { "/sandbox/rest/", "sandbox", ROUTE_UPSTREAM },
                { "/" LONG "//rest/v1/users/MAG1", LONG, ROUTE_UPSTREAM },
                { "/sandbox/rest/v1/a%2Fb%00/../..//;:@", "sandbox", ROUTE_UPSTREAM },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct route_match match;

                assert_true(route_speaks_upstream(rows[i].target));
                assert_false(route_lacks_environment(rows[i].target));
                assert_int_equal(route_find(rows[i].target, &match), 0);
                assert_int_equal(match.route->id, rows[i].id);
                assert_string_equal(match.environment, rows[i].environment);
                assert_false(match.route->health);
                assert_int_equal(route_allows(match.route, METHOD_OTHER), rows[i].id == ROUTE_UPSTREAM);
                assert_true(route_allows(match.route, METHOD_POST));
        }
        assert_true(route_speaks_upstream("/rest/v1/app/session/token"));
        assert_true(route_speaks_upstream("//rest/v1/app/session/token"));
        assert_true(route_lacks_environment("/rest/v1/app/session/token"));
        assert_true(route_lacks_environment("//rest/v1/users/MAG1"));
        assert_false(route_lacks_environment("/rest"));
}

static void paths_that_the_upstream_has_not(void **state)
{
        static const char *const targets[] = { "",
                                               "/",
                                               "/sandbox",
                                               "/sandbox/rest",
                                               "/sandbox?/rest/",
                                               "/rest",
                                               "/sandbox///rest/v1/x",
                                               "/sandbox/Rest/v1/x",
                                               "/Sandbox/rest/v1/x",
                                               "/v1/rest/v1/x",
                                               "/livez/rest/v1/x",
                                               "/a/b/rest/v1/x",
                                               "sandbox/rest/v1/x",
                                               ("/" LONG "ddd/rest/v1/x") };

        for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
                struct route_match match;

                if (route_speaks_upstream(targets[i])) {
                        fail_msg("%s", targets[i]);
                }
                assert_true(route_find(targets[i], &match) < 0);
        }
}

static void every_byte(void **state)
{
        for (int c = 1; c <= 255; c++) {
                char target[] = { '/', 'l', (char)c, 'l', '\0' };
                struct route_match match;
                bool path_byte = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                 (c >= 'a' && c <= 'z') || strchr("._/-?", c) != NULL;

                assert_int_equal(route_find(target, &match), path_byte ? -ENOENT : -EINVAL);
        }
}

static void paths_have_a_limit(void **state)
{
        struct route_match match;
        char target[512];

        memset(target, 'a', sizeof(target));
        target[0] = '/';
        target[256] = '\0';
        assert_int_equal(route_find(target, &match), -ENOENT);
        target[256] = 'a';
        target[257] = '\0';
        assert_int_equal(route_find(target, &match), -EINVAL);

        /* The query does not count. */
        memset(target, 'a', sizeof(target));
        memcpy(target, "/livez?", 7);
        target[511] = '\0';
        assert_int_equal(route_find(target, &match), 0);
}

static void methods(void **state)
{
        static const char *const others[] = { "",      "get", "Get",    "GETS",    "GE",
                                              "POST ", "PUT", "DELETE", "OPTIONS", "TRACE" };
        struct route_match match;

        assert_int_equal(http_method_parse("GET"), METHOD_GET);
        assert_int_equal(http_method_parse("HEAD"), METHOD_HEAD);
        assert_int_equal(http_method_parse("POST"), METHOD_POST);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_int_equal(http_method_parse(others[i]), METHOD_OTHER);
        }

        assert_int_equal(route_find("/v1/sandbox/token", &match), 0);
        assert_true(route_allows(match.route, METHOD_GET));
        assert_true(route_allows(match.route, METHOD_HEAD));
        assert_false(route_allows(match.route, METHOD_POST));
        assert_false(route_allows(match.route, METHOD_OTHER));

        assert_int_equal(route_find("/v1/sandbox/refresh", &match), 0);
        assert_false(route_allows(match.route, METHOD_GET));
        assert_false(route_allows(match.route, METHOD_HEAD));
        assert_true(route_allows(match.route, METHOD_POST));
        assert_false(route_allows(match.route, METHOD_OTHER));
}

static void queries(void **state)
{
        static const struct {
                const char *target;
                bool fits, new_account;
        } rows[] = {
                { "/v1/sandbox/refresh", true, false },
                { "/v1/sandbox/refresh?account=new", true, true },
                { "/v1/sandbox/refresh?", false, false },
                { "/v1/sandbox/refresh?account", false, false },
                { "/v1/sandbox/refresh?account=", false, false },
                { "/v1/sandbox/refresh?account=old", false, false },
                { "/v1/sandbox/refresh?account=newer", false, false },
                { "/v1/sandbox/refresh?account=NEW", false, false },
                { "/v1/sandbox/refresh?Account=new", false, false },
                { "/v1/sandbox/refresh?account=new&", false, false },
                { "/v1/sandbox/refresh?account=new?", false, false },
                { "/v1/sandbox/refresh?account=new&account=new", false, false },
                { "/v1/sandbox/refresh?&account=new", false, false },
                { "/v1/sandbox/refresh??account=new", false, false },
                { "/v1/sandbox/refresh?account=%6eew", false, false },
                { "/v1/sandbox/refresh?wait=1", false, false },
                { "/v1/sandbox/token", true, false },
                { "/v1/sandbox/token?", true, false },
                { "/v1/sandbox/token?wait=1", true, false },
                { "/v1/sandbox/token/rejected?account=new", false, false },
                { "/v1/reload?account=new", false, false },
                { "/v1/status?account=new", false, false },
                { "/livez?", false, false },
                { "/livez", true, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct route_match match;

                assert_int_equal(route_find(rows[i].target, &match), 0);
                if (route_takes_query(match.route, rows[i].target) != rows[i].fits) {
                        fail_msg("%s", rows[i].target);
                }
                if (rows[i].fits) {
                        assert_int_equal(route_wants_new_account(rows[i].target), rows[i].new_account);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_row),
                cmocka_unit_test(paths_that_are_none_of_ours),
                cmocka_unit_test(paths_spelt_otherwise),
                cmocka_unit_test(paths_of_the_upstream),
                cmocka_unit_test(paths_that_the_upstream_has_not),
                cmocka_unit_test(every_byte),
                cmocka_unit_test(paths_have_a_limit),
                cmocka_unit_test(methods),
                cmocka_unit_test(queries),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
