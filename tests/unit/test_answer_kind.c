/* The kind of an answer, and the words for it. */
#include "lib/answer_kind.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void kinds_have_names(void **state)
{
        assert_string_equal(answer_kind_name(ANSWER_PLAIN), "plain");
        assert_string_equal(answer_kind_name(ANSWER_BLOCK_PAGE), "block_page");
        assert_string_equal(answer_kind_name(ANSWER_MAINTENANCE_PAGE), "maintenance_page");
        assert_string_equal(answer_kind_name(ANSWER_REDIRECT), "redirect");
        assert_string_equal(answer_kind_name(_ANSWER_KIND_COUNT), "unknown");
}

static void kinds_are_found(void **state)
{
        static const struct {
                long status;
                const char *content_type;
                bool networks;
                enum answer_kind kind;
        } rows[] = {
                { 403, "text/html", false, ANSWER_BLOCK_PAGE },
                { 403, "TEXT/HTML", true, ANSWER_BLOCK_PAGE },
                { 403, "", true, ANSWER_BLOCK_PAGE },
                { 403, "text/plain", true, ANSWER_BLOCK_PAGE },
                { 403, "application/problem+json", true, ANSWER_BLOCK_PAGE },
                { 429, "application/xhtml+xml", false, ANSWER_BLOCK_PAGE },
                { 503, "text/plain", true, ANSWER_BLOCK_PAGE },
                /* the API's own, which a network passed on */
                { 403, "application/json", true, ANSWER_PLAIN },
                { 429, "application/json", true, ANSWER_PLAIN },
                { 403, "", false, ANSWER_PLAIN },
                { 429, "text/plain", false, ANSWER_PLAIN },
                { 200, "text/html", false, ANSWER_MAINTENANCE_PAGE },
                { 503, "text/html", true, ANSWER_MAINTENANCE_PAGE },
                { 200, "text/plain", true, ANSWER_PLAIN },
                { 503, "application/json", true, ANSWER_PLAIN },
                { 302, "text/html", true, ANSWER_REDIRECT },
                { 308, "", false, ANSWER_REDIRECT },
                { 401, "text/html", true, ANSWER_PLAIN }, /* a refused key, whatever comes with it */
                { 404, "text/html", true, ANSWER_PLAIN },
                { 500, "text/html", true, ANSWER_PLAIN },
                { 502, "text/html", false, ANSWER_PLAIN },
                { 0, "", false, ANSWER_PLAIN },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                enum answer_kind kind =
                        answer_kind_find(rows[i].status, rows[i].content_type, rows[i].networks);

                if (kind != rows[i].kind) {
                        fail_msg("%ld %s: %s", rows[i].status, rows[i].content_type, answer_kind_name(kind));
                }
        }
}

static void expect_words(enum answer_kind kind, long status, const char *why, const char *host,
                         const char *expected)
{
        char words[128];

        answer_kind_describe(kind, status, why, host, words, sizeof(words));
        assert_string_equal(words, expected);
}

static void kinds_have_words(void **state)
{
        char small[12];

        expect_words(ANSWER_PLAIN, 401, "the access key was refused", "",
                     "HTTP 401: the access key was refused");
        expect_words(ANSWER_BLOCK_PAGE, 403, "x", "",
                     "HTTP 403: a block page of a content network or a firewall");
        expect_words(ANSWER_MAINTENANCE_PAGE, 200, "x", "",
                     "HTTP 200: a maintenance page in place of an answer");
        expect_words(ANSWER_REDIRECT, 302, "x", "a.example",
                     "HTTP 302: a redirect to a.example is not followed");
        expect_words(ANSWER_REDIRECT, 302, "a redirect is not followed", "",
                     "HTTP 302: a redirect is not followed");
        answer_kind_describe(ANSWER_REDIRECT, 302, "x", "a.example", small, sizeof(small));
        assert_string_equal(small, "HTTP 302: a");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(kinds_have_names),
                cmocka_unit_test(kinds_are_found),
                cmocka_unit_test(kinds_have_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
