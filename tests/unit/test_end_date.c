/* Ends as people write them, and the calendar below. */
#include "lib/calendar.h"
#include "lib/end_date.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

static void expect(const char *text, int64_t sec)
{
        char written[END_DATE_TEXT_MAX];
        int64_t read = -1;

        assert_int_equal(end_date_parse(text, &read), 0);
        assert_int_equal(read, sec);
        assert_string_equal(end_date_format(read, written), text);
}

static void days_and_moments(void **state)
{
        expect("1970-01-01", 86400);
        expect("1970-01-01T00:00:00Z", 0);
        expect("1970-01-01T00:00:01Z", 1);
        expect("2027-06-30", 1814400000); /* the end of that day */
        expect("2027-06-30T12:00:00Z", 1814356800);
        expect("2000-02-29", 951868800);
        expect("2024-02-29T23:59:59Z", 1709251199);
        expect("9999-12-31", INT64_C(253402300800));
}

static void text_that_is_none(void **state)
{
        static const char *const texts[] = {
                "",
                "2027",
                "2027-06",
                "2027-6-30",
                "27-06-30",
                "2027-06-31",
                "2027-02-29",
                "1900-02-29",
                "2027-00-10",
                "2027-13-01",
                "2027-01-00",
                "1969-12-31",
                "0000-01-01",
                "2027-06-30T",
                "2027-06-30 12:00",
                "2027-06-30T12:00:00",
                "2027-06-30T24:00:00Z",
                "2027-06-30T12:60:00Z",
                "2027-06-30T12:00:60Z",
                "2027-06-30T12:00:00z",
                "2027-06-30T12:00:00+0",
                "2027-06-30T12:00:00Zx",
                "2027/06/30",
                "+027-06-30",
                " 2027-06-30",
                "2027-06-300",
        };
        int64_t sec = 7;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (end_date_parse(texts[i], &sec) != -EINVAL) {
                        fail_msg("%s", texts[i]);
                }
        }
        assert_int_equal(sec, 7);
}

/* Each day of four centuries and more, one after the other. */
static void every_day(void **state)
{
        struct calendar_date date, before = { 1969, 12, 31 };
        int64_t n = 0;

        for (int64_t sec = 0; sec < INT64_C(16725225600); sec += 86400, before = date, n++) {
                calendar_from_wall_clock(sec, &date);
                assert_true(calendar_date_is_real(&date));
                assert_int_equal(calendar_to_wall_clock(&date), sec);
                before.day++;
                if (!calendar_date_is_real(&before)) {
                        before.day = 1;
                        before.month++;
                }
                if (!calendar_date_is_real(&before)) {
                        before.month = 1;
                        before.year++;
                }
                assert_int_equal(date.year, before.year);
                assert_int_equal(date.month, before.month);
                assert_int_equal(date.day, before.day);
        }
        assert_int_equal(n, 193579);
        calendar_from_wall_clock(-1, &date);
        assert_int_equal(date.year, 1969);
        assert_int_equal(date.second, 59);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(days_and_moments),
                cmocka_unit_test(text_that_is_none),
                cmocka_unit_test(every_day),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
