/* Secrets as they come back: which forms are found, and what is none. */
#include "lib/echo.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define SECRET "s3&t+W0r/x"

static size_t length_of(const char *text, const char *secret)
{
        return echo_length(text, strlen(text), secret);
}

static void forms(void **state)
{
        static const char *const texts[] = {
                SECRET,
                "S3&T+w0R/X",                   /* case */
                "s3%26t%2BW0r%2Fx",             /* of a URL */
                "s3%26t%2bw0r%2fx",             /* its other spelling */
                "s3\\u0026t\\u002bW0r\\/x",     /* JSON, as some write it */
                "s3\\u0026t\\u002BW0r\\u002fx", /* and others */
                "s3&#38;t&#43;W0r&#47;x",       /* XML */
                "s3&#x26;t&#x2B;W0r&#x2f;x",    /* XML, too */
                "s3\\x26t\\x2bW0r\\x2fx",       /* C */
                "s3&'t+W0r/x",                  /* split by a quote */
                "s3&t+\"W0\"r/x",               /* by two */
                "s-3-t-W-0-r-x",                /* by others */
                "s3&t\r\n +W0r/x",              /* over lines */
                "s3&t+W\342\200\2130r/x",       /* by a character without width */
                "733326742b5730722f78",         /* a dump */
                "73%33%26%74%2b%57%30%72%2f%78",
                "u0073\\u0033\\u0026\\u0074\\u002b\\u0057\\u0030\\u0072\\u002f\\u0078",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (length_of(texts[i], SECRET) != strlen(texts[i])) {
                        fail_msg("'%s' is not found", texts[i]);
                }
        }
}

static void others(void **state)
{
        assert_int_equal(length_of("s3&t+W0r/", SECRET), 0); /* not all of it */
        assert_int_equal(length_of("s3&t+W1r/x", SECRET), 0);
        assert_int_equal(length_of("s3&t+W0r.........x", SECRET), 0); /* too far away */
        assert_int_equal(length_of("s3&t+W0r........x", SECRET), 17);
        assert_int_equal(length_of("", SECRET), 0);
        assert_int_equal(length_of("anything", ""), 0);
        assert_int_equal(length_of("anything", NULL), 0);
        assert_int_equal(length_of("a-b", "ab"), 0); /* of a short one the plain form alone */
        assert_int_equal(length_of("ab", "ab"), 2);
        assert_int_equal(length_of("!!?!!", "!!?!!"), 5);
        assert_int_equal(length_of("21%21%3f%21%21", "!!?!!"), 14);
}

static void anywhere(void **state)
{
        const char *const secrets[] = { NULL, "", SECRET };
        static const char text[] = "it was s3%26t%2BW0r%2Fx, was it not?";

        assert_true(echo_is_in(text, strlen(text), secrets, 3));
        assert_false(echo_is_in(text, strlen(text), secrets, 2));
        assert_false(echo_is_in(text, 20, secrets, 3)); /* cut off */
        assert_false(echo_is_in(text, 0, secrets, 3));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(forms), cmocka_unit_test(others),
                                            cmocka_unit_test(anywhere) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
