/* Ends in UTC: a host's time zone would make the same configuration mean other moments elsewhere. */
#include "lib/end_date.h"

#include "lib/calendar.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* Does the text have this form, where 0 stands for any digit? */
static bool has_form(const char *text, const char *form)
{
        for (; *form != '\0'; text++, form++) {
                if (*form == '0' ? *text < '0' || *text > '9' : *text != *form) {
                        return false;
                }
        }
        return *text == '\0';
}

static unsigned take_number(const char *digits, int n)
{
        unsigned number = 0;

        for (int i = 0; i < n; i++) {
                number = number * 10 + (unsigned)(digits[i] - '0');
        }
        return number;
}

int end_date_parse(const char *text, int64_t *ret_sec)
{
        bool moment = has_form(text, "0000-00-00T00:00:00Z");
        struct calendar_date date;

        if (!moment && !has_form(text, "0000-00-00")) {
                return -EINVAL;
        }
        date = (struct calendar_date){ take_number(text, 4), take_number(text + 5, 2),
                                       take_number(text + 8, 2) };
        if (moment) {
                date.hour = take_number(text + 11, 2);
                date.minute = take_number(text + 14, 2);
                date.second = take_number(text + 17, 2);
        }
        if (date.year < 1970 || date.second > 59 || !calendar_date_is_real(&date)) {
                return -EINVAL;
        }
        *ret_sec = calendar_to_wall_clock(&date) + (moment ? 0 : CALENDAR_SEC_PER_DAY);
        return 0;
}

const char *end_date_format(int64_t sec, char buffer[static END_DATE_TEXT_MAX])
{
        bool day = sec % CALENDAR_SEC_PER_DAY == 0 && sec > 0;
        struct calendar_date date;

        calendar_from_wall_clock(day ? sec - CALENDAR_SEC_PER_DAY : sec, &date);
        if (day) {
                (void)snprintf(buffer, END_DATE_TEXT_MAX, "%04u-%02u-%02u", date.year % 10000,
                               date.month % 100, date.day % 100);
        } else {
                (void)snprintf(buffer, END_DATE_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ",
                               date.year % 10000, date.month % 100, date.day % 100, date.hour % 100,
                               date.minute % 100, date.second % 100);
        }
        return buffer;
}
