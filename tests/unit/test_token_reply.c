/* Replies to an exchange: how little one may differ from a whole one. */
#include "tests/unit/exchange_verdict.h"

#include <stdio.h>

#define LIFETIME_WHY "expires_in is not a whole number of seconds from 1 s to 30 days"
#define UST_WHY      "ust is not a string of 1 to 4096 visible ASCII characters without quotes"
#define MAGE_ID_WHY  "mage_id is not a string of 1 to 64 visible ASCII characters without quotes"

static void whole_in_other_words(void **state)
{
        static const char *const bodies[] = {
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"}",
                " \r\n\t{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"} \r\n\t",
                "{\"ust\":\"abc\",\"expires_in\":\"60\",\"mage_id\":\"M\"}",
                "{\"ust\":\"abc\",\"expires_in\":\"0000000060\",\"mage_id\":\"M\"}",
                "{\"ust\":\"\\u0061bc\",\"expires_in\":60,\"mage_id\":\"M\"}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\",\"more\":[1,{\"x\":null}]}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\",\"caf\xc3\xa9\":\"\xe2\x82\xac\"}",
                /* of two fields with one name the last counts */
                "{\"ust\":\"old\",\"expires_in\":60,\"mage_id\":\"M\",\"ust\":\"abc\"}",
                "{\"ust\":\"abc\",\"expires_in\":0,\"mage_id\":\"\",\"expires_in\":60,\"mage_id\":\"M\"}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                struct verdict v = classify_body(bodies[i]);

                if (v.outcome != EXCHANGE_GRANTED) {
                        fail_msg("%s: %s", bodies[i], v.why);
                }
                assert_string_equal(v.grant.ust, "abc");
                assert_string_equal(v.grant.mage_id, "M");
                assert_int_equal(v.grant.lifetime_sec, 60);
        }
}

static void bodies_that_are_no_json(void **state)
{
        static const char *const bodies[] = {
                " ",
                "<html>502 Bad Gateway</html>",
                "{",
                "}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"}x",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"} {}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"},",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\",}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"}//",
                "{\"ust\":\"abc\",\"expires_in\":060,\"mage_id\":\"M\"}",
                "{\"ust\":\"a\nbc\xff\",\"expires_in\":60,\"mage_id\":\"M\"}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\",\"x\":\"\xc3\"}",
                "{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\",\"\xed\xa0\x80\":1}",
                "{'ust':\"abc\",\"expires_in\":60,\"mage_id\":\"M\"}",
                "{\"ust\":'abc',\"expires_in\":60,\"mage_id\":\"M\"}",
                "{ust:\"abc\",\"expires_in\":60,\"mage_id\":\"M\"}",
                "{\"ust\":\"abc\",\"expires_in\":+60,\"mage_id\":\"M\"}",
                "\xef\xbb\xbf{\"ust\":\"abc\",\"expires_in\":60,\"mage_id\":\"M\"}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                expect_malformed(bodies[i], "the body is no JSON");
        }
        expect_malformed("", "the body is empty");
        expect_malformed("[]", "the body is JSON, but not an object");
        expect_malformed("null", "the body is JSON, but not an object");
        expect_malformed("\"abc\"", "the body is JSON, but not an object");
        assert_int_equal(classify(200, NULL, "{}\0", 3).outcome, EXCHANGE_MALFORMED);
        assert_string_equal(classify(200, NULL, "{}\0", 3).why, "the body is no JSON");
}

/* In a string that nobody asked for, and in a name. */
static void only_utf8_is_text(void **state)
{
        static const char *const good[] = { "caf\xc3\xa9",         "\xed\x9f\xbf",
                                            "\xee\x80\x80",        "\xe0\xa0\x80",
                                            "\xf0\x90\x80\x80",    "\xf4\x8f\xbf\xbf",
                                            "it's \\\"'\\\" fine", "\\\\" };
        static const char *const bad[] = {
                "\x80",         "\xbf",          "\xc0\xaf",         "\xc1\xbf",         "\xc3",
                "\xc3(",        "\xe0\x80\x80",  "\xe0\x9f\xbf",     "\xe2\x82",         "\xe2\x82(",
                "\xe2(\xa1",    "\xed\xa0\x80",  "\xed\xbf\xbf",     "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
                "\xf0\x9f\x98", "\xf0(\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        };
        static const char *const forms[] = {
                "{\"ust\":\"abc\",\"mage_id\":\"M\",\"expires_in\":60,\"x\":\"%s\"}",
                "{\"ust\":\"abc\",\"mage_id\":\"M\",\"expires_in\":60,\"%s\":1}"
        };
        static const char cut[] = "{\"ust\":\"abc\",\"mage_id\":\"M\",\"expires_in\":60}\xf0\x9f\x98";

        for (size_t form = 0; form < ARRAY_SIZE(forms); form++) {
                const char *place = strchr(forms[form], '%');
                char body[128];

                for (size_t i = 0; i < ARRAY_SIZE(good) + ARRAY_SIZE(bad); i++) {
                        bool is_good = i < ARRAY_SIZE(good);

                        (void)snprintf(body, sizeof(body), "%.*s%s%s", (int)(place - forms[form]),
                                       forms[form], is_good ? good[i] : bad[i - ARRAY_SIZE(good)],
                                       place + 2);
                        if (is_good) {
                                assert_int_equal(classify_body(body).outcome, EXCHANGE_GRANTED);
                        } else {
                                expect_malformed(body, "the body is no JSON");
                        }
                }
        }
        for (size_t length = sizeof(cut) - 4; length < sizeof(cut); length++) {
                assert_int_equal(classify(200, NULL, cut, length).outcome,
                                 length == sizeof(cut) - 4 ? EXCHANGE_GRANTED : EXCHANGE_MALFORMED);
        }
}

/* `ust` and `mage_id` are read alike. */
static void fields_that_are_no_plain_strings(void **state)
{
        static const char *const values[] = {
                "null",
                "true",
                "7",
                "7.5",
                "[]",
                "{}",
                "[\"a\"]",
                "\"\"",
                "\" \"",
                "\"a b\"",
                "\"a\\u0000b\"",
                "\"a\\n\"",
                "\"\\u007f\"",
                "\"caf\xc3\xa9\"",
                "\"a\\\"b\"",
                "\"a'b\"",
                "\"\\ta\"",
                "\"a\\u0080\"",
                "\"\\u2028\"",
                "\"a\\r\\nX: y\"",
        };
        char body[256];

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                (void)snprintf(body, sizeof(body), "{\"ust\":%s,\"mage_id\":\"M\",\"expires_in\":60}",
                               values[i]);
                expect_malformed(body, UST_WHY);
                (void)snprintf(body, sizeof(body), "{\"ust\":\"abc\",\"mage_id\":%s,\"expires_in\":60}",
                               values[i]);
                expect_malformed(body, MAGE_ID_WHY);
        }
        expect_malformed("{}", UST_WHY);
        expect_malformed("{\"UST\":\"abc\",\"mage_id\":\"M\",\"expires_in\":60}", UST_WHY);
        expect_malformed("{\"ust\":\"abc\",\"expires_in\":60}", MAGE_ID_WHY);
        expect_malformed("{\"ust\":\"abc\",\"mage_id\":\"M\"}", LIFETIME_WHY);
}

static void every_byte_of_a_token(void **state)
{
        for (int c = 1; c <= 255; c++) {
                char body[128];
                bool plain = c >= 0x21 && c <= 0x7e && c != '"' && c != '\'';

                (void)snprintf(body, sizeof(body),
                               "{\"ust\":\"x\\u%04xy\",\"mage_id\":\"M\",\"expires_in\":60}", (unsigned)c);
                assert_int_equal(classify_body(body).outcome, plain ? EXCHANGE_GRANTED : EXCHANGE_MALFORMED);
        }
}

static enum exchange_outcome classify_lengths(int ust_length, int mage_id_length)
{
        static char body[16384];
        int n = snprintf(body, sizeof(body), "{\"ust\":\"%0*d\",\"mage_id\":\"%0*d\",\"expires_in\":60}",
                         ust_length, 7, mage_id_length, 7);

        assert_true(n > 0 && n < (int)sizeof(body));
        return classify_body(body).outcome;
}

static void lengths_have_limits(void **state)
{
        assert_int_equal(classify_lengths(1, 1), EXCHANGE_GRANTED);
        assert_int_equal(classify_lengths(SESSION_TOKEN_MAX, MAGE_ID_MAX), EXCHANGE_GRANTED);
        assert_int_equal(classify_lengths(SESSION_TOKEN_MAX + 1, MAGE_ID_MAX), EXCHANGE_MALFORMED);
        assert_int_equal(classify_lengths(SESSION_TOKEN_MAX, MAGE_ID_MAX + 1), EXCHANGE_MALFORMED);
        assert_int_equal(classify_lengths(9000, 1), EXCHANGE_MALFORMED);
}

static void lifetimes(void **state)
{
        static const struct {
                const char *value;
                uint32_t sec; /* 0: malformed */
        } rows[] = {
                { "1", 1 },
                { "360", 360 },
                { "2591999", 2591999 },
                { "2592000", 2592000 },
                { "2592001", 0 },
                { "0", 0 },
                { "-0", 0 },
                { "-1", 0 },
                { "-7200", 0 },
                { "4294967296", 0 },
                { "4294974496", 0 }, /* 2^32 + 7200 */
                { "9223372036854775808", 0 },
                { "18446744073709558816", 0 }, /* 2^64 + 7200 */
                { "-18446744073709544416", 0 },
                { "99999999999999999999999999999999999999", 0 },
                { "7200.0", 0 },
                { "7200.5", 0 },
                { "72e2", 0 },
                { "1e99", 0 },
                { "1e400", 0 },
                { "NaN", 0 },
                { "true", 0 },
                { "false", 0 },
                { "null", 0 },
                { "[7200]", 0 },
                { "{\"x\":7200}", 0 },
                { "\"1\"", 1 },
                { "\"2592000\"", 2592000 },
                { "\"2592001\"", 0 },
                { "\"0\"", 0 },
                { "\"\"", 0 },
                { "\"-1\"", 0 },
                { "\"+60\"", 0 },
                { "\" 60\"", 0 },
                { "\"60 \"", 0 },
                { "\"60s\"", 0 },
                { "\"6e1\"", 0 },
                { "\"0x3c\"", 0 },
                { "\"60\\u0000\"", 0 },
                { "\"00000000060\"", 0 },
                { "\"4294967356\"", 0 },
                { "\"18446744073709551676\"", 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct verdict v;
                char body[128];

                (void)snprintf(body, sizeof(body), "{\"ust\":\"abc\",\"mage_id\":\"M\",\"expires_in\":%s}",
                               rows[i].value);
                v = classify_body(body);
                if (rows[i].sec == 0) {
                        assert_int_equal(v.outcome, EXCHANGE_MALFORMED);
                        /* A value that does not fit into 64 bits is no number to newer versions of json-c.
                         */
                        if (!streq(v.why, LIFETIME_WHY) && !streq(v.why, "the body is no JSON")) {
                                fail_msg("%s: %s", body, v.why);
                        }
                        continue;
                }
                assert_int_equal(v.outcome, EXCHANGE_GRANTED);
                assert_int_equal(v.grant.lifetime_sec, rows[i].sec);
        }
}

static void the_body_has_a_limit(void **state)
{
        static const char whole[] = "{\"ust\":\"abc\",\"mage_id\":\"M\",\"expires_in\":60}";
        _cleanup_free_ char *body = malloc(TOKEN_REPLY_MAX + 1);

        assert_non_null(body);
        memset(body, ' ', TOKEN_REPLY_MAX + 1);
        memcpy(body, whole, strlen(whole));
        assert_int_equal(classify(200, NULL, body, TOKEN_REPLY_MAX).outcome, EXCHANGE_GRANTED);
        assert_string_equal(classify(200, NULL, body, TOKEN_REPLY_MAX + 1).why,
                            "the body is over 64 KiB long");
        assert_int_equal(classify(200, NULL, body, strlen(whole) - 1).outcome, EXCHANGE_MALFORMED);
}

static void nesting_has_a_limit(void **state)
{
        _cleanup_free_ char *body = malloc(TOKEN_REPLY_MAX);

        assert_non_null(body);
        memset(body, '[', TOKEN_REPLY_MAX);
        assert_int_equal(classify(200, NULL, body, TOKEN_REPLY_MAX).outcome, EXCHANGE_MALFORMED);
        expect_malformed("{\"ust\":\"abc\",\"mage_id\":\"M\",\"expires_in\":60,\"x\":"
                         "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}",
                         "the body is no JSON");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_in_other_words),
                cmocka_unit_test(bodies_that_are_no_json),
                cmocka_unit_test(only_utf8_is_text),
                cmocka_unit_test(fields_that_are_no_plain_strings),
                cmocka_unit_test(every_byte_of_a_token),
                cmocka_unit_test(lengths_have_limits),
                cmocka_unit_test(lifetimes),
                cmocka_unit_test(the_body_has_a_limit),
                cmocka_unit_test(nesting_has_a_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
