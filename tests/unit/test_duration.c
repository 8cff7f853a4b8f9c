/* Durations: the forms that may be written, the limits, and how spans are shown. */
#include "lib/duration.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void reads_every_unit(void **state)
{
        static const struct {
                const char *text;
                uint64_t sec;
        } rows[] = {
                { "0", 0 },       { "1", 1 },          { "90", 90 },
                { "090", 90 },    { "90s", 90 },       { "90 s", 90 },
                { "90sec", 90 },  { "90 sec", 90 },    { "15m", 900 },
                { "15min", 900 }, { "15 min", 900 },   { "2h", 7200 },
                { "1d", 86400 },  { "30 d", 2592000 }, { "00000000000000000000000000000000000000001", 1 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint64_t usec = 42;

                assert_int_equal(duration_parse(rows[i].text, &usec), 0);
                assert_int_equal(usec, rows[i].sec * USEC_PER_SEC);
        }
}

static void refuses_other_forms(void **state)
{
        static const char *const texts[] = {
                "",     " ",     "s",      "-1",      "+1",   " 1",       "1 ",
                "1  s", "1\ts",  "1\n",    "1 s ",    "1S",   "1H",       "1ms",
                "1us",  "1w",    "1min5",  "1h 5min", "1.5h", "1,5",      "0x10",
                "1e3",  "1mins", "1hours", "1d\x80",  "١",    "infinity", "99999999999999999999999999x",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                uint64_t usec = 42;

                assert_int_equal(duration_parse(texts[i], &usec), -EINVAL);
                assert_int_equal(usec, 42);
        }
}

static void ends_at_ten_years(void **state)
{
        static const char *const most[] = { "315359999",  "315360000", "315360000s",
                                            "5256000min", "87600h",    "3650d" };
        static const char *const more[] = { "315360001",
                                            "5256001m",
                                            "87601h",
                                            "3651d",
                                            "4294967296",
                                            "18446744073709551615",
                                            "18446744073709551616",
                                            "18446744073709551617s",
                                            "213503982334602d",
                                            "99999999999999999999999999999999999999d" };
        uint64_t usec = 42;

        for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
                assert_int_equal(duration_parse(more[i], &usec), -ERANGE);
        }
        assert_int_equal(usec, 42);
        for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
                assert_int_equal(duration_parse(most[i], &usec), 0);
        }
        assert_int_equal(usec, UINT64_C(315360000) * USEC_PER_SEC);
}

static void shows_two_units_at_most(void **state)
{
        static const struct {
                uint64_t usec;
                const char *text;
        } rows[] = {
                { 0, "0s" },
                { 1, "0s" },
                { USEC_PER_SEC - 1, "0s" },
                { USEC_PER_SEC, "1s" },
                { 59 * USEC_PER_SEC, "59s" },
                { 60 * USEC_PER_SEC - 1, "59s" },
                { 60 * USEC_PER_SEC, "1min" },
                { 250 * USEC_PER_SEC, "4min 10s" },
                { USEC_PER_HOUR - 1, "59min 59s" },
                { USEC_PER_HOUR, "1h" },
                { USEC_PER_HOUR + 59 * USEC_PER_SEC, "1h" },
                { 112 * USEC_PER_MIN, "1h 52min" },
                { 24 * USEC_PER_HOUR - 1, "23h 59min" },
                { 24 * USEC_PER_HOUR, "1d" },
                { 76 * USEC_PER_HOUR, "3d 4h" },
                { USEC_NEVER - 1, "213503982d 8h" },
                { USEC_NEVER, "never" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char buffer[DURATION_TEXT_MAX];
                const char *text = duration_format(rows[i].usec, buffer);

                assert_ptr_equal(text, buffer);
                assert_string_equal(text, rows[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_every_unit),
                cmocka_unit_test(refuses_other_forms),
                cmocka_unit_test(ends_at_ten_years),
                cmocka_unit_test(shows_two_units_at_most),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
