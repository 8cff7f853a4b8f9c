/* Users and passwords of quoted URLs are hidden, and nothing else is. */
#include "lib/hide_login.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void hidden(void **state)
{
        static const struct {
                const char *text, *wanted;
        } rows[] = {
                { "Unsupported proxy syntax in 'http://me:pa55@proxy host:3128'",
                  "Unsupported proxy syntax in 'http://***@proxy host:3128'" },
                { "Unsupported proxy scheme for 'foo://me:pa55@proxy'",
                  "Unsupported proxy scheme for 'foo://***@proxy'" },
                { "Unsupported proxy syntax in 'me:p@a 5'5@proxy host'",
                  "Unsupported proxy syntax in '***@proxy host'" },
                { "Unsupported proxy syntax in 'me:p://a55@proxy host'",
                  "Unsupported proxy syntax in '***@proxy host'" },
                { "Unsupported proxy syntax in 'http://me:pa55 cut o", /* before the '@' */
                  "Unsupported proxy syntax in 'http://***" },
                { "me:pa55@proxy is odd", "***@proxy is odd" },
                { "it's 'x' and me:pa55@proxy", "it's '***@proxy" },
                { "http://a@b", "http://*@b" },
                { "@", "@" },
                { "x@y://z", "*@y://z" },
        };
        char text[128];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                (void)snprintf(text, sizeof(text), "%s", rows[i].text);
                hide_login(text);
                assert_string_equal(text, rows[i].wanted);
        }
}

static void left_alone(void **state)
{
        static const char *const texts[] = {
                "",
                "Could not resolve proxy: proxy.example",
                "Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server",
                "Unsupported proxy scheme for 'foo://proxy:3128'",
                "SSL: no alternative certificate subject name matches target host name 'example.com'",
        };
        char text[128];

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                (void)snprintf(text, sizeof(text), "%s", texts[i]);
                hide_login(text);
                assert_string_equal(text, texts[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(hidden), cmocka_unit_test(left_alone) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
