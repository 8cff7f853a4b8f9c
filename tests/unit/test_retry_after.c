/* Retry-After: seconds, the three date forms, and a random comparison with libc's calendar. */
#include "lib/retry_after.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NOV_1994 INT64_C(784111777)  /* Sun, 06 Nov 1994 08:49:37 GMT */
#define JUN_2026 INT64_C(1780315200) /* Mon, 01 Jun 2026 12:00:00 GMT */

static void expect(const char *value, int64_t now, uint32_t wait_sec)
{
        uint32_t sec = 42;
        int r = retry_after_parse(value, now, &sec);

        if (r != 0 || sec != wait_sec) {
                fail_msg("%s: got %d and %u s, expected %u s", value, r, (unsigned)sec, (unsigned)wait_sec);
        }
}

static void expect_refusal(const char *value)
{
        uint32_t sec = 42;

        if (retry_after_parse(value, NOV_1994, &sec) != -EINVAL) {
                fail_msg("%s was not refused", value);
        }
        assert_int_equal(sec, 42);
}

static void reads_seconds(void **state)
{
        expect("0", NOV_1994, 0);
        expect("1", NOV_1994, 1);
        expect("120", NOV_1994, 120);
        expect("0120", NOV_1994, 120);
        expect(" 120\t", NOV_1994, 120);
        expect("3600", NOV_1994, 3600);
        expect("3601", NOV_1994, 3601);
        expect("4294967294", NOV_1994, UINT32_MAX - 1);
}

static void large_seconds_stay_below_none(void **state)
{
        expect("4294967295", NOV_1994, UINT32_MAX - 1);
        expect("4294967296", NOV_1994, UINT32_MAX - 1);
        expect("18446744073709551616", NOV_1994, UINT32_MAX - 1);
        expect("99999999999999999999999999999999999999999999", NOV_1994, UINT32_MAX - 1);
}

static void reads_the_three_forms(void **state)
{
        static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
                                             "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" };

        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                expect(forms[i], NOV_1994 - 77, 77);
                expect(forms[i], NOV_1994 - 1, 1);
                expect(forms[i], NOV_1994, 0);
                expect(forms[i], NOV_1994 + 1, 0);
                expect(forms[i], NOV_1994 + 86400 * 365, 0);
        }
        expect("Wed Nov 16 08:49:37 1994", NOV_1994, 864000);
}

static void the_day_must_exist(void **state)
{
        expect("Thu, 29 Feb 1996 00:00:00 GMT", 825552000 - 5, 5);
        expect("Tue, 29 Feb 2000 00:00:00 GMT", 951782400 - 5, 5);
        expect_refusal("Wed, 29 Feb 1995 00:00:00 GMT");
        expect_refusal("Mon, 29 Feb 2100 00:00:00 GMT");
        expect_refusal("Fri, 30 Feb 1996 00:00:00 GMT");
        expect_refusal("Fri, 00 Jan 1996 00:00:00 GMT");
        expect_refusal("Fri, 32 Jan 1996 00:00:00 GMT");
        expect_refusal("Fri, 31 Apr 1996 00:00:00 GMT");
        expect_refusal("Sat, 01 Jan 0000 00:00:00 GMT");
        expect("Mon, 01 Jan 0001 00:00:00 GMT", NOV_1994, 0);
        expect("Fri, 31 Dec 9999 23:59:59 GMT", NOV_1994, UINT32_MAX - 1);
}

static void the_time_of_day_must_exist(void **state)
{
        expect("Sun, 06 Nov 1994 23:59:59 GMT", NOV_1994, 54622);
        expect("Sun, 06 Nov 1994 23:59:60 GMT", NOV_1994, 54623);
        expect_refusal("Sun, 06 Nov 1994 24:00:00 GMT");
        expect_refusal("Sun, 06 Nov 1994 23:60:00 GMT");
        expect_refusal("Sun, 06 Nov 1994 23:59:61 GMT");
}

/* A two-digit year is the latest one that is not more than 50 years ahead. */
static void two_digit_years(void **state)
{
        expect("Monday, 01-Jun-26 12:00:05 GMT", JUN_2026, 5);
        expect("Monday, 01-Jun-26 11:59:59 GMT", JUN_2026, 0);
        expect("Tuesday, 01-Jun-27 12:00:00 GMT", JUN_2026, 31536000);
        expect("Wednesday, 01-Jan-76 00:00:00 GMT", JUN_2026, 1564747200);
        expect("Friday, 31-Dec-76 00:00:00 GMT", JUN_2026, 0);
        expect("Friday, 31-Dec-99 00:00:00 GMT", JUN_2026, 0);
        expect("Friday, 01-Jan-00 00:00:10 GMT", 4102444800 - 10, 20); /* across the end of 2099 */
        expect("Thursday, 01-Jan-70 00:00:10 GMT", 0, 10);
        expect("Tuesday, 29-Feb-28 00:00:00 GMT", JUN_2026, 55080000);
        expect_refusal("Monday, 29-Feb-27 00:00:00 GMT");
}

static void other_forms_are_refused(void **state)
{
        static const char *const values[] = {
                "",
                " ",
                "\t",
                "-1",
                "+1",
                "1.5",
                "1 2",
                "0x10",
                "1e3",
                "120s",
                "soon",
                "120,120",
                "٣",
                "Sun, 6 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 94 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:49:37",
                "Sun, 06 Nov 1994 08:49:37 UTC",
                "Sun, 06 Nov 1994 08:49:37 +0000",
                "Sun, 06 Nov 1994 08:49:37 GMT+1",
                "Sun, 06 Nov 1994 08:49 GMT",
                "Sun, 06 Nov 1994 8:49:37 GMT",
                "Sun, 06 Nov 1994  08:49:37 GMT",
                "Sun,06 Nov 1994 08:49:37 GMT",
                "sun, 06 nov 1994 08:49:37 gmt",
                "Xxx, 06 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nox 1994 08:49:37 GMT",
                "06 Nov 1994 08:49:37 GMT",
                "Sun, -6 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov -994 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:49:37 GMT\n",
                "Sun, 06 Nov 1994 08:49:37 GMT x",
                "Sun, 06-Nov-94 08:49:37 GMT",
                "Sunday, 06-Nov-1994 08:49:37 GMT",
                "Sunday, 06 Nov 94 08:49:37 GMT",
                "Sunday, 06-Nov-94 08:49:37",
                "Sun Nov 6 08:49:37 1994",
                "Sun Nov 06  08:49:37 1994",
                "Sun Nov   6 08:49:37 1994",
                "Sun Nov  6 08:49:37 1994 GMT",
                "Sun Nov  6 08:49:37 94",
                "1994-11-06T08:49:37Z",
                "9999999999999999999999999999999999999999999999999999999999999999",
        };

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                expect_refusal(values[i]);
        }
}

/* Every proper beginning of a date is refused, so nothing is read behind the end. */
static void cut_dates_are_refused(void **state)
{
        static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
                                             "Wednesday, 06-Nov-94 08:49:37 GMT",
                                             "Sun Nov  6 08:49:37 1994" };

        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                for (size_t length = 0; length < strlen(forms[i]); length++) {
                        _cleanup_free_ char *cut = strndup(forms[i], length);

                        assert_non_null(cut);
                        expect_refusal(cut);
                }
        }
}

static void odd_clocks_do_no_harm(void **state)
{
        expect("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MIN, (uint32_t)NOV_1994);
        expect("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MAX, 0);
        expect("Sunday, 06-Nov-94 08:49:37 GMT", INT64_MIN, (uint32_t)NOV_1994);
        expect("Sunday, 06-Nov-94 08:49:37 GMT", INT64_MAX, 0);
        expect("120", INT64_MIN, 120);
        expect("120", INT64_MAX, 120);
}

/* EQP_TEST_SEED repeats a run. */
static uint64_t random_state;

static uint64_t next_random(void)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}

static void write_date(int form, const struct tm *broken_down, char *buffer, size_t size)
{
        char start[32], end[32];

        switch (form) {
        case 0:
                assert_true(strftime(buffer, size, "%a, %d %b %Y %H:%M:%S GMT", broken_down) > 0);
                break;
        case 1:
                assert_true(strftime(buffer, size, "%a %b %e %H:%M:%S %Y", broken_down) > 0);
                break;
        default:
                assert_true(strftime(start, sizeof(start), "%A, %d-%b", broken_down) > 0);
                assert_true(strftime(end, sizeof(end), "%H:%M:%S GMT", broken_down) > 0);
                (void)snprintf(buffer, size, "%s-%02d %s", start, broken_down->tm_year % 100, end);
        }
}

static void agrees_with_libc(void **state)
{
        const char *seed = getenv("EQP_TEST_SEED");

        random_state = seed ? strtoull(seed, NULL, 10) | 1 : (uint64_t)time(NULL) | 1;
        print_message("EQP_TEST_SEED=%llu\n", (unsigned long long)random_state);

        for (int i = 0; i < 20000; i++) {
                time_t now = (time_t)(next_random() % (UINT64_C(200) * 31556952)); /* 1970 to 2170 */
                uint32_t wait_sec = (uint32_t)(next_random() % (UINT64_C(49) * 31556952));
                time_t then = now + wait_sec;
                struct tm broken_down;
                char text[96];

                assert_non_null(gmtime_r(&then, &broken_down));
                write_date(i % 3, &broken_down, text, sizeof(text));
                expect(text, now, wait_sec);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_seconds),
                cmocka_unit_test(large_seconds_stay_below_none),
                cmocka_unit_test(reads_the_three_forms),
                cmocka_unit_test(the_day_must_exist),
                cmocka_unit_test(the_time_of_day_must_exist),
                cmocka_unit_test(two_digit_years),
                cmocka_unit_test(other_forms_are_refused),
                cmocka_unit_test(cut_dates_are_refused),
                cmocka_unit_test(odd_clocks_do_no_harm),
                cmocka_unit_test(agrees_with_libc),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
