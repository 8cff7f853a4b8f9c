/* Strict JSON in UTF-8, the same with every version of json-c. */
#include "lib/json_feed.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

static int feed(const char *text, size_t length, struct json_object **ret)
{
        struct json_tokener *tokener = json_tokener_new_ex(4);
        int error;

        assert_non_null(tokener);
        error = json_feed(tokener, text, length, ret);
        json_tokener_free(tokener);
        return error;
}

static void expect(const char *text, const char *as_written)
{
        struct json_object *value = NULL;

        if (feed(text, strlen(text), &value) != 0) {
                fail_msg("no JSON: %s", text);
        }
        assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), as_written);
        json_object_put(value);
}

static void texts_in_all_languages(void **state)
{
        expect("\"caf\xc3\xa9\"", "\"caf\xc3\xa9\"");
        expect("{\"\xe2\x82\xac\":\"\xf0\x9f\x94\x91\xc3\xa9x\xc3\xa9\"}",
               "{\"\xe2\x82\xac\":\"\xf0\x9f\x94\x91\xc3\xa9x\xc3\xa9\"}");
        expect("[\"\\u00e9\xc3\xa9\\ud83d\\udd11\"]", "[\"\xc3\xa9\xc3\xa9\xf0\x9f\x94\x91\"]");
}

static void one_value_of_any_type(void **state)
{
        expect("12", "12");
        expect("true", "true");
        expect(" {\"a\":[1,2]} \t\r\n", "{\"a\":[1,2]}");
        expect("null", "null");
}

static void anything_else_is_none(void **state)
{
        static const char *const bad[] = {
                "",
                " ",
                "\xc3\xa9",
                "{}{}",
                "{} x",
                "{}\xc3\xa9",
                "{\xc3\xa9}",
                "1\xc3\xa9",
                "true\xc3\xa9",
                "{\"a\":1\xc3\xa9}",
                "{\"a\"\xc3\xa9:1}",
                "[1,\xc3\xa9]",
                "'caf\xc3\xa9'",
                "[\"\xc3\xa9\",]",
                "[\"\xc3\xa9\" /* \xc3\xa9 */]",
                "\"\xc3\xa9\\\xc3\xa9\"",
                "\"\\ud83d\xc3\xa9",
                "\"\xc3\"",
                "\"\xc3\x28\"",
                "\"\xa9\"",
                "\"\xc3\xa9",
                "[[[[[\"\xc3\xa9\"]]]]]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct json_object *value = NULL;

                if (feed(bad[i], strlen(bad[i]), &value) != -EBADMSG) {
                        fail_msg("taken for JSON: %s", bad[i]);
                }
                assert_null(value);
        }
}

static void a_zero_byte_is_no_end(void **state)
{
        static const char tail[] = "{}\0{}", text[] = "{\"a\":\"\0\"}";
        struct json_object *value = NULL;

        assert_int_equal(feed(tail, sizeof(tail) - 1, &value), -EBADMSG);
        assert_int_equal(feed(tail, 3, &value), -EBADMSG);
        assert_int_equal(feed(text, sizeof(text) - 1, &value), -EBADMSG);
        assert_null(value);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_in_all_languages),
                cmocka_unit_test(one_value_of_any_type),
                cmocka_unit_test(anything_else_is_none),
                cmocka_unit_test(a_zero_byte_is_no_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
