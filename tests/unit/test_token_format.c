/* A token in the forms in which programs print it, and what has no room. */
#include "lib/token_format.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void words(void **state)
{
        enum token_format format = TOKEN_FORMAT_ENV;

        assert_int_equal(token_format_parse("raw", &format), 0);
        assert_int_equal(format, TOKEN_FORMAT_RAW);
        assert_int_equal(token_format_parse("json", &format), 0);
        assert_int_equal(format, TOKEN_FORMAT_JSON);
        assert_int_equal(token_format_parse("header", &format), 0);
        assert_int_equal(format, TOKEN_FORMAT_HEADER);
        assert_int_equal(token_format_parse("env", &format), 0);
        assert_int_equal(format, TOKEN_FORMAT_ENV);
        assert_int_equal(token_format_parse("Raw", &format), -EINVAL);
        assert_int_equal(token_format_parse("", &format), -EINVAL);
        assert_int_equal(format, TOKEN_FORMAT_ENV);
}

static void assert_put(enum token_format format, const char *expected)
{
        _cleanup_secret_ char *bytes = secret_alloc(TOKEN_TEXT_MAX);
        struct token_text text = { .bytes = bytes };

        assert_non_null(bytes);
        token_text_put(&text, format, "to.k en", "MAG1", "https://host/it's");
        assert_false(text.too_long);
        assert_int_equal(text.length, strlen(expected));
        assert_memory_equal(text.bytes, expected, strlen(expected));
}

static void forms(void **state)
{
        assert_put(TOKEN_FORMAT_RAW, "to.k en\n");
        assert_put(TOKEN_FORMAT_HEADER, "Authorization: Bearer to.k en\n");
        assert_put(TOKEN_FORMAT_ENV,
                   "EQP_TOKEN='to.k en'\nEQP_MAGE_ID=MAG1\nEQP_BASE_URL='https://host/it'\\''s'\n");
}

static void no_room(void **state)
{
        _cleanup_secret_ char *bytes = secret_alloc(TOKEN_TEXT_MAX + 1);
        struct token_text text = { .bytes = bytes, .length = TOKEN_TEXT_MAX - 3 };

        assert_non_null(bytes);
        bytes[TOKEN_TEXT_MAX] = 'x';
        token_text_add(&text, "123");
        assert_false(text.too_long);
        assert_int_equal(text.length, TOKEN_TEXT_MAX);
        token_text_add(&text, "4");
        assert_true(text.too_long);
        text.length = TOKEN_TEXT_MAX - 20;
        text.too_long = false;
        token_text_put(&text, TOKEN_FORMAT_ENV, "a token that is longer than that", "", "");
        assert_true(text.too_long);
        assert_true(text.length <= TOKEN_TEXT_MAX);
        assert_true(bytes[TOKEN_TEXT_MAX] == 'x');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words),
                cmocka_unit_test(forms),
                cmocka_unit_test(no_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
