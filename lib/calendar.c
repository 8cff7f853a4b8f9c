/* The calendar by hand, as libc's reads the zone file. Years begin in March here, so that the leap day is
 * the last of its year. */
#include "lib/calendar.h"

#define DAYS_TO_1970 INT64_C(719468) /* from 1 March of year 0 */
#define DAYS_PER_ERA INT64_C(146097) /* of 400 years */

static bool is_leap(unsigned year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool calendar_date_is_real(const struct calendar_date *date)
{
        static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

        if (date->year < 1 || date->month < 1 || date->month > 12) {
                return false;
        }
        return date->day >= 1 &&
               date->day <= (unsigned)days[date->month - 1] + (date->month == 2 && is_leap(date->year)) &&
               date->hour <= 23 && date->minute <= 59 && date->second <= 60;
}

int64_t calendar_to_wall_clock(const struct calendar_date *date)
{
        int64_t year = (int64_t)date->year - (date->month <= 2);
        int64_t day_of_year =
                (153 * ((int64_t)date->month + (date->month > 2 ? -3 : 9)) + 2) / 5 + date->day - 1;
        int64_t leap_days = year / 4 - year / 100 + year / 400;
        int64_t days = year * 365 + leap_days + day_of_year - DAYS_TO_1970;

        return days * CALENDAR_SEC_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

void calendar_from_wall_clock(int64_t sec, struct calendar_date *ret)
{
        int64_t second = sec % CALENDAR_SEC_PER_DAY, days = sec / CALENDAR_SEC_PER_DAY;

        if (second < 0) {
                second += CALENDAR_SEC_PER_DAY;
                days--;
        }
        days += DAYS_TO_1970;

        int64_t era = days / DAYS_PER_ERA, of_era = days % DAYS_PER_ERA;
        int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_PER_ERA - 1)) / 365;
        int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t month = (5 * of_year + 2) / 153; /* 0 is March */

        *ret = (struct calendar_date){
                .year = (unsigned)(year_of_era + era * 400 + (month >= 10)),
                .month = (unsigned)(month < 10 ? month + 3 : month - 9),
                .day = (unsigned)(of_year - (153 * month + 2) / 5 + 1),
                .hour = (unsigned)(second / 3600),
                .minute = (unsigned)(second / 60 % 60),
                .second = (unsigned)(second % 60),
        };
}
