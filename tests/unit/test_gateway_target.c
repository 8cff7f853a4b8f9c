/* Request targets: those that are passed on as they are, and those that are refused before any rule. */
#include "lib/gateway_target.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdio.h>

static struct gateway_target check_bytes(const char *raw, size_t length, bool encoded_slash)
{
        struct gateway_target target;
        char *exact = malloc(length + 1); /* so that a sanitizer sees every byte read too far */

        assert_non_null(exact);
        memcpy(exact, raw, length);
        gateway_target_check(exact, length, encoded_slash, &target);
        /* Pointers into it are moved to the caller's text. */
        target.path = target.path ? raw + (target.path - exact) : NULL;
        target.query = target.query ? raw + (target.query - exact) : NULL;
        free(exact);
        assert_int_equal(target.fault == GATEWAY_TARGET_FINE, !target.why);
        return target;
}

static void expect_fault(const char *raw, bool encoded_slash, enum gateway_target_fault fault)
{
        struct gateway_target target = check_bytes(raw, strlen(raw), encoded_slash);

        if (target.fault != fault) {
                fail_msg("%s: %d instead of %d", raw, (int)target.fault, (int)fault);
        }
}

static void expect_path(const char *raw, const char *path, const char *query)
{
        struct gateway_target target = check_bytes(raw, strlen(raw), false);

        if (target.fault != GATEWAY_TARGET_FINE) {
                fail_msg("%s: %s", raw, target.why);
        }
        assert_string_equal(target.environment, "production");
        assert_int_equal(target.path_length, strlen(path));
        assert_memory_equal(target.path, path, strlen(path));
        assert_int_equal(target.query != NULL, query != NULL);
        if (query) {
                assert_int_equal(target.query_length, strlen(query));
                assert_memory_equal(target.query, query, strlen(query));
        }
}

static void targets_that_are_passed_on(void **state)
{
        expect_path("/production/rest/v1/users/MAG1", "/rest/v1/users/MAG1", NULL);
        expect_path("/production//rest/v1/users", "/rest/v1/users", NULL);
        expect_path("/production/rest/v1/", "/rest/v1/", NULL);
        expect_path("/production/rest/v1/files/uploads/", "/rest/v1/files/uploads/", NULL);
        expect_path("/production/rest/v1/a?", "/rest/v1/a", "");
        expect_path("/production/rest/v1/a?sort=+a,-b&x=%2F%5C%2e&y=%zz;z=\\//..", "/rest/v1/a",
                    "sort=+a,-b&x=%2F%5C%2e&y=%zz;z=\\//..");
        expect_path("/production/rest/v1/a?b?c", "/rest/v1/a", "b?c");
        expect_path("/production/rest/v1/a%20b%3B%3F%23%C3%A4/a+b/a.b/..a/a../...",
                    "/rest/v1/a%20b%3B%3F%23%C3%A4/a+b/a.b/..a/a../...", NULL);
        expect_path("/production/rest/v1/~-_.!$&'()*,:=@", "/rest/v1/~-_.!$&'()*,:=@", NULL);
}

static void environments(void **state)
{
        static const char *const none[] = {
                "",
                "/",
                "//",
                "/production",
                "/Production/rest/v1/a",
                "/v1/production/token",
                "rest/v1/a",
                "http://127.0.0.1/production/rest/v1/a",
                "*",
                "/produ%63tion/rest/v1/a",
                "//production/rest/v1/a",
        };

        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
                struct gateway_target target = check_bytes(none[i], strlen(none[i]), false);

                assert_int_equal(target.fault, GATEWAY_TARGET_NOT_OURS);
                assert_string_equal(target.environment, "");
        }
        assert_string_equal(check_bytes("/agency/x", 9, false).environment, "agency");
}

static void other_paths(void **state)
{
        static const char *const paths[] = {
                "/production/",          "/production/rest",        "/production/rest/v1",
                "/production/rest/v2/a", "/production/REST/v1/a",   "/production/rest/V1/a",
                "/production/token",     "/production/rest/v1?a=b",
        };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                expect_fault(paths[i], false, GATEWAY_TARGET_NOT_OURS);
        }
}

static void ambiguous_paths(void **state)
{
        static const char *const paths[] = {
                /* slashes */
                "///rest/v1/a",
                "/rest//v1/a",
                "/rest/v1//a",
                "/rest/v1/a//",
                "/rest/v1//",
                /* dots */
                "/rest/v1/.",
                "/rest/v1/..",
                "/rest/v1/a/../b",
                "/rest/v1/a/./b",
                "/./rest/v1/a",
                "/../rest/v1/a",
                "/rest/v1/a/..",
                "/rest/v1/%2e%2e/a",
                "/rest/v1/.%2E/a",
                /* other characters */
                "/rest/v1/a\\b",
                "/rest/v1/a;b",
                "/rest/v1/;",
                "/rest/v1/a#b",
                "/rest/v1/a?b#c",
                "/rest/v1/a b",
                "/rest/v1/a\tb",
                "/rest/v1/a\x7f",
                "/rest/v1/\xc3\xa4",
                "/rest/v1/a?\xc3\xa4",
                "/rest/v1/a? b",
                "/rest/v1/a?\x7f",
                /* percent-encoded */
                "/rest/v1/a%2Fb",
                "/rest/v1/a%2fb",
                "/rest/v1/a%5Cb",
                "/rest/v1/a%5cb",
                "/rest/v1/a%2Eb",
                "/rest/v1/a%25b",
                "/rest/v1/a%2541",
                "/rest/v1/a%00",
                "/rest/v1/a%0D%0A",
                "/rest/v1/a%1F",
                "/rest/v1/a%7f",
                "/rest/v1/%61",
                "/rest/v1/%5A",
                "/rest/v1/%30",
                "/rest/v1/%2D",
                "/rest/v1/%5F",
                "/rest/v1/%7E",
                "/%72est/v1/a",
                "/rest/v1/%",
                "/rest/v1/%4",
                "/rest/v1/%zz",
                "/rest/v1/%4g",
                "/rest/v1/%/41",
                /* a second way to write a slash, a dot */
                "/rest/v1/%C0%AF",
                "/rest/v1/%c1%9c",
                "/rest/v1/%E0%80%AF",
                "/rest/v1/%F0%80%80%AF",
        };
        char raw[128];

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                (void)snprintf(raw, sizeof(raw), "/production%s", paths[i]);
                expect_fault(raw, false, GATEWAY_TARGET_AMBIGUOUS);
                (void)snprintf(raw, sizeof(raw), "/production%s%s", paths[i][1] == '/' ? "" : "/", paths[i]);
                expect_fault(raw, false, GATEWAY_TARGET_AMBIGUOUS);
        }
        assert_int_equal(check_bytes("/production/rest/v1/a\0b", 23, false).fault, GATEWAY_TARGET_AMBIGUOUS);
        assert_int_equal(check_bytes("/production/rest/v1/a?\0", 23, false).fault, GATEWAY_TARGET_AMBIGUOUS);
}

/* Every byte, percent-encoded, in both cases. */
static void encoded_bytes(void **state)
{
        for (unsigned byte = 0; byte < 256; byte++) {
                bool unreserved = (byte < 0x80 && isalnum((int)byte)) || (byte && strchr("-._~", (int)byte));
                bool refused = unreserved || byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\' ||
                               byte == '%' || byte == 0xc0 || byte == 0xc1;
                char raw[64];

                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/a%%%02xb", byte);
                expect_fault(raw, false, refused ? GATEWAY_TARGET_AMBIGUOUS : GATEWAY_TARGET_FINE);
                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/a%%%02Xb", byte);
                expect_fault(raw, false, refused ? GATEWAY_TARGET_AMBIGUOUS : GATEWAY_TARGET_FINE);
                expect_fault(raw, true,
                             refused && byte != '/' ? GATEWAY_TARGET_AMBIGUOUS : GATEWAY_TARGET_FINE);
        }
}

static void encoded_slashes(void **state)
{
        expect_fault("/production/rest/v1/a%2Fb", true, GATEWAY_TARGET_FINE);
        expect_fault("/production/rest/v1/a%2fb%2Fc/d%2Fe", true, GATEWAY_TARGET_FINE);
        expect_fault("/production/rest/v1/a%2F..b", true, GATEWAY_TARGET_FINE);
        expect_fault("/production/rest/v1/a%2F%2Fb", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/%2Fa", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/a%2F", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/a%2F/b", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/a%2F..%2Fb", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/a%2F.%2Fb", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/a%2F..", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest/v1/..%2Fa", true, GATEWAY_TARGET_AMBIGUOUS);
        expect_fault("/production/rest%2Fv1/a", true, GATEWAY_TARGET_NOT_OURS);
        expect_fault("/production/rest/v1/a%5Cb", true, GATEWAY_TARGET_AMBIGUOUS);
}

static void sessions(void **state)
{
        static const char *const paths[] = {
                "app/session/token", "app/session/token/",    "app/session",
                "app/session/",      "app/sessions",          "app/session2/x",
                "App/Session/Token", "APP/SESSION",           "app/session.json",
                "app.x/session",     "app/%C5%BFession",      "app/se%C5%BF%C5%BFion/token",
                "app%20/session",    "%20app/+session/token", "app/session%3Bx/token",
                "app/session%3Fx",   "app/session%23",        "app%3Bv=1/session",
                "app/session+",
        };
        static const char *const slashes[] = { "app%2Fsession/token", "app%2fsession%2ftoken",
                                               "APP%2Fsession" };
        static const char *const others[] = { "app",          "app/",          "app/x",
                                              "apps/session", "x/app/session", "app/x/session",
                                              "app/sess",     "users/session", "application/session" };
        char raw[96];

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                for (int slash = 0; slash < 2; slash++) {
                        (void)snprintf(raw, sizeof(raw), "/production%s/rest/v1/%s", slash ? "/" : "",
                                       paths[i]);
                        expect_fault(raw, slash, GATEWAY_TARGET_SESSION);
                }
                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/%s?a=b", paths[i]);
                expect_fault(raw, false, GATEWAY_TARGET_SESSION);
        }
        for (size_t i = 0; i < ARRAY_SIZE(slashes); i++) {
                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/%s", slashes[i]);
                expect_fault(raw, true, GATEWAY_TARGET_SESSION);
                expect_fault(raw, false, GATEWAY_TARGET_AMBIGUOUS);
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/%s", others[i]);
                expect_fault(raw, true, GATEWAY_TARGET_FINE);
        }
        assert_null(check_bytes("/p/rest/v1/app/session/token", 28, false).path);
}

static void method_overrides(void **state)
{
        static const char *const queries[] = {
                "_method=PUT",  "_method",       "_method=",      "a=b&_method=PUT", "a;_method=PUT",
                "&&_method=x",  "%5Fmethod=PUT", "%5fMETHOD=PUT", "_Method=x",       "%255Fmethod=x",
                "_m%65thod=x",  "+_method=x",    "%20_method=x",  "_method[]=x",     "_method%5B%5D=x",
                "_method%00=x", ".method=x",     "[method=x",     "%5Bmethod=x",     "_method+=x",
                "_method%20=x", "_method%3Dx",   "%0A_method=x",
        };
        static const char *const others[] = { "",           "method=x",       "a=_method", "_methods=x",
                                              "x_method=x", "__method=x",     "_metho",    "_",
                                              "=_method",   "a=1&b=_method=2" };
        char raw[96];

        for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/a?%s", queries[i]);
                expect_fault(raw, false, GATEWAY_TARGET_METHOD_OVERRIDE);
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                (void)snprintf(raw, sizeof(raw), "/production/rest/v1/a?%s", others[i]);
                expect_fault(raw, false, GATEWAY_TARGET_FINE);
        }
}

static void longest(void **state)
{
        char raw[GATEWAY_TARGET_MAX + 1];
        int n = snprintf(raw, sizeof(raw), "/production/rest/v1/");

        memset(raw + n, 'a', sizeof(raw) - (size_t)n);
        assert_int_equal(check_bytes(raw, GATEWAY_TARGET_MAX, false).fault, GATEWAY_TARGET_FINE);
        assert_int_equal(check_bytes(raw, GATEWAY_TARGET_MAX + 1, false).fault, GATEWAY_TARGET_TOO_LONG);
        raw[n] = '?';
        assert_int_equal(check_bytes(raw, GATEWAY_TARGET_MAX, false).fault, GATEWAY_TARGET_FINE);
        assert_int_equal(check_bytes(raw, GATEWAY_TARGET_MAX + 1, false).fault, GATEWAY_TARGET_TOO_LONG);
}

static void methods(void **state)
{
        assert_true(gateway_method_valid("GET"));
        assert_true(gateway_method_valid("get"));
        assert_true(gateway_method_valid("M-SEARCH"));
        assert_true(gateway_method_valid("ABCDEFGHIJKLMNOP"));
        assert_false(gateway_method_valid("ABCDEFGHIJKLMNOPQ"));
        assert_false(gateway_method_valid(""));
        assert_false(gateway_method_valid("GET "));
        assert_false(gateway_method_valid("G(T"));
        assert_false(gateway_method_valid("\xc3\xa4"));
        assert_false(gateway_method_valid("TRACE"));
        assert_false(gateway_method_valid("trace"));
        assert_false(gateway_method_valid("Connect"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(targets_that_are_passed_on),
                cmocka_unit_test(environments),
                cmocka_unit_test(other_paths),
                cmocka_unit_test(ambiguous_paths),
                cmocka_unit_test(encoded_bytes),
                cmocka_unit_test(encoded_slashes),
                cmocka_unit_test(sessions),
                cmocka_unit_test(method_overrides),
                cmocka_unit_test(longest),
                cmocka_unit_test(methods),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
