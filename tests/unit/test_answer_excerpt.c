/* The excerpt of an undocumented answer: enough to tell what it was about, and nothing that could be
 * a secret. */
#include "lib/token_exchange.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct answer_excerpt excerpt(const char *body, size_t length, const char *const *hidden,
                                     size_t n_hidden)
{
        _cleanup_free_ char *exact = malloc(length + (length == 0));
        struct answer_excerpt result;

        assert_non_null(exact);
        memcpy(exact, body, length);
        memset(&result, 0xee, sizeof(result));
        token_exchange_excerpt(exact, length, hidden, n_hidden, &result);
        return result;
}

/* The message alone, as JSON writes it. */
static void expect_message(const char *message, const char *const *hidden, size_t n_hidden,
                           const char *expected)
{
        _cleanup_free_ char *body = NULL;
        struct answer_excerpt result;
        int n = asprintf(&body, "{\"message\":\"%s\"}", message);

        assert_true(n > 0);
        result = excerpt(body, (size_t)n, hidden, n_hidden);
        assert_string_equal(result.message, expected);
}

static void reads_code_and_message(void **state)
{
        static const char body[] =
                "{\"code\":1208,\"message\":\"Insufficient information for Technical Submission\"}";
        struct answer_excerpt result = excerpt(body, strlen(body), NULL, 0);

        assert_int_equal(result.code, 1208);
        assert_string_equal(result.message, "Insufficient information for Technical Submission");
}

static void anything_else_is_empty(void **state)
{
        static const char *const bodies[] = {
                "",
                "<html></html>",
                "[]",
                "null",
                "{",
                "{}",
                "{\"code\":\"7\"}",
                "{\"code\":7.5,\"message\":null}",
                "{\"Code\":7,\"Message\":\"x\"}",
                "{\"message\":[\"x\"]}",
                "{\"error\":{\"code\":7,\"message\":\"x\"}}",
                "{\"message\":\"\xff\"}",
                "{\"code\":7,\"message\":\"x\"} trailing",
        };
        _cleanup_free_ char *large = calloc(1, TOKEN_REPLY_MAX + 2);
        struct answer_excerpt result;

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                result = excerpt(bodies[i], strlen(bodies[i]), NULL, 0);
                assert_true(result.code == INT64_MIN);
                assert_string_equal(result.message, "");
        }

        token_exchange_excerpt(NULL, 0, NULL, 0, &result);
        assert_true(result.code == INT64_MIN);

        assert_non_null(large);
        memset(large, ' ', TOKEN_REPLY_MAX + 1);
        memcpy(large, "{\"code\":7}", 10);
        assert_int_equal(excerpt(large, TOKEN_REPLY_MAX, NULL, 0).code, 7);
        assert_true(excerpt(large, TOKEN_REPLY_MAX + 1, NULL, 0).code == INT64_MIN);
}

static void codes_of_any_size(void **state)
{
        assert_int_equal(excerpt("{\"code\":-5}", 11, NULL, 0).code, -5);
        assert_int_equal(excerpt("{\"code\":0}", 10, NULL, 0).code, 0);
        assert_true(excerpt("{\"code\":9223372036854775808}", 28, NULL, 0).code == INT64_MAX);
}

static void hides_what_is_named(void **state)
{
        static const char *const hidden[] = { NULL, "", "AQ17NZ49WC", "sw0rdfish", "dfish-long" };
        size_t n = ARRAY_SIZE(hidden);

        expect_message("key AQ17NZ49WC is unknown", hidden, n, "key [hidden] is unknown");
        expect_message("key aq17nz49wc is unknown", hidden, n, "key [hidden] is unknown");
        expect_message("AQ17NZ49WC", hidden, n, "[hidden]");
        expect_message("AQ17NZ49WC:sw0rdfish", hidden, n, "[hidden]:[hidden]");
        expect_message("xAQ17NZ49WCy", hidden, n, "x[hidden]y");
        /* Two that touch or overlap are one, so the end of neither is left over. */
        expect_message("AQ17NZ49WCAQ17NZ49WC", hidden, n, "[hidden]");
        expect_message("a sw0rdfish-long b", hidden, n, "a [hidden] b");
        /* One letter too few is no secret any more, or at least not ours. */
        expect_message("AQ17NZ49W", hidden, n, "AQ17NZ49W");
        expect_message("\\u0041Q17NZ49WC", hidden, n, "[hidden]");
}

static void overlapping_places_of_one_text(void **state)
{
        static const char *const hidden[] = { "abab" };

        expect_message("x ababab y", hidden, 1, "x [hidden] y");
}

static void hides_what_looks_like_a_token(void **state)
{
        expect_message("abcdefghijklmn0", NULL, 0, "abcdefghijklmn0");   /* 15 */
        expect_message("abcdefghijklmno0", NULL, 0, "[hidden]");         /* 16 with a digit */
        expect_message("abcdefghijklmnop", NULL, 0, "abcdefghijklmnop"); /* 16 without */
        expect_message("abcdefghijklmnopqrstuvwxyzabcdef", NULL, 0,
                       "abcdefghijklmnopqrstuvwxyzabcdef");                       /* 32 */
        expect_message("abcdefghijklmnopqrstuvwxyzabcdefg", NULL, 0, "[hidden]"); /* 33 */
        expect_message("see ab+/=_.-cdefgh12!", NULL, 0, "see [hidden]!");
        expect_message("abcdefgh 12345678", NULL, 0, "abcdefgh 12345678");
        expect_message("a:abcdefghijklmno0,b", NULL, 0, "a:[hidden],b");
        expect_message("baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7", NULL, 0, "[hidden]");
}

static void shows_printable_ascii_only(void **state)
{
        expect_message("a\\u0000b\\u001b[31m\\n\\u007f caf\xc3\xa9", NULL, 0, "a?b?[31m?? caf??");
        expect_message("\\\"quoted\\\" \\\\ /", NULL, 0, "\"quoted\" \\ /");
}

static void messages_are_cut(void **state)
{
        char message[512], expected[512];

        for (size_t i = 0; i < 400; i++) {
                message[i] = i % 10 == 9 ? ' ' : 'a';
        }
        message[400] = '\0';
        (void)snprintf(expected, sizeof(expected), "%.200s", message);
        expect_message(message, NULL, 0, expected);
        message[200] = '\0';
        expect_message(message, NULL, 0, expected);
        message[199] = '\0';
        expect_message(message, NULL, 0, message);

        /* No half of a mark at the end. */
        (void)snprintf(message, sizeof(message), "%.190s!!0123456789abcdef", expected);
        (void)snprintf(expected + 190, 16, "!![hidden]");
        expect_message(message, NULL, 0, expected);
        memmove(message + 1, message, strlen(message) + 1);
        message[0] = '!';
        memmove(expected + 1, expected, 192);
        expected[0] = '!';
        expected[193] = '\0';
        expect_message(message, NULL, 0, expected);
}

/* Only the beginning is scanned, but a secret that begins in it and ends behind it must not show its head.
 */
static void secrets_across_the_scanned_part(void **state)
{
        char secret[8], message[8192];
        const char *const hidden[] = { secret };

        memcpy(secret, "Xy7-!#Z", 8);
        for (size_t at = 4080; at < 4100; at++) {
                struct answer_excerpt result;
                _cleanup_free_ char *body = NULL;

                /* One long run is one mark, so what stands behind it is within the 200 that are shown. */
                memset(message, 'a', sizeof(message));
                message[at - 1] = ' ';
                memcpy(message + at, secret, 7);
                memcpy(message + at + 7, " end", 5);
                assert_true(asprintf(&body, "{\"message\":\"%s\"}", message) > 0);
                result = excerpt(body, strlen(body), hidden, 1);
                assert_null(strstr(result.message, "X"));
                assert_int_equal(strncmp(result.message, "[hidden]", 8), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_code_and_message),
                cmocka_unit_test(anything_else_is_empty),
                cmocka_unit_test(codes_of_any_size),
                cmocka_unit_test(hides_what_is_named),
                cmocka_unit_test(overlapping_places_of_one_text),
                cmocka_unit_test(hides_what_looks_like_a_token),
                cmocka_unit_test(shows_printable_ascii_only),
                cmocka_unit_test(messages_are_cut),
                cmocka_unit_test(secrets_across_the_scanned_part),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
