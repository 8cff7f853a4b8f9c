/* UTF-8: sequences, and bytes that are none. */
#include "lib/utf8.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static size_t length_of(const char *text)
{
        return utf8_sequence((const unsigned char *)text, strlen(text));
}

static void sequences(void **state)
{
        assert_int_equal(length_of("ab"), 1);
        assert_int_equal(utf8_sequence((const unsigned char *)"", 1), 1); /* NUL is a character too */
        assert_int_equal(length_of("\xc3\xa9x"), 2);
        assert_int_equal(length_of("\xe2\x82\xacx"), 3);
        assert_int_equal(length_of("\xed\x9f\xbf"), 3); /* the last one before the surrogates */
        assert_int_equal(length_of("\xf0\x9f\x94\x91x"), 4);
        assert_int_equal(length_of("\xf4\x8f\xbf\xbf"), 4); /* the last one of all */
}

static void none(void **state)
{
        static const char *const texts[] = {
                "\x80",             /* a continuation without a beginning */
                "\xc0\xaf",         /* over-long */
                "\xc1\xbf",         /* likewise */
                "\xe0\x9f\xbf",     /* likewise */
                "\xf0\x8f\xbf\xbf", /* likewise */
                "\xed\xa0\x80",     /* a surrogate */
                "\xf4\x90\x80\x80", /* beyond Unicode */
                "\xf8\x88\x80\x80\x80",
                "\xff",
                "\xc3",         /* cut off */
                "\xe2\x82",     /* likewise */
                "\xf0\x9f\x94", /* likewise */
                "\xc3x",        /* interrupted */
                "\xe2\x82x",    /* likewise */
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (length_of(texts[i]) != 0) {
                        fail_msg("text %zu passes", i);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(sequences), cmocka_unit_test(none) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
