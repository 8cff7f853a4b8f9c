/* Any bytes as the value of Retry-After, and of Date, at several times. */
#include "lib/retry_after.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

/* A date is one for both, and the wait is what lies between. */
static void check_date(const char *value, int64_t now_sec, int r, uint32_t wait_sec)
{
        int64_t date_sec, sane_sec = MAX_OF(INT64_C(0), MIN_OF(now_sec, INT64_C(253402300800)));

        if (http_date_parse(value, now_sec, &date_sec) < 0) {
                must(r < 0 || strspn(value, "0123456789 \t") == strlen(value));
                return;
        }
        must(r == 0 &&
             (date_sec - sane_sec > UINT32_MAX - 1 ? wait_sec == UINT32_MAX - 1
                                                   : wait_sec == MAX_OF(INT64_C(0), date_sec - sane_sec)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int64_t times[] = { INT64_MIN, -1, 0, 784111777, 4102444799, 253402300800, INT64_MAX };
        _cleanup_free_ char *value = strndup((const char *)data, size);
        uint32_t wait_sec[ARRAY_SIZE(times)];
        int first = 0;

        must(value);
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                int r = retry_after_parse(value, times[i], &wait_sec[i]);

                /* Whether it can be read depends on the time for 29 February of a two-digit year only. */
                if (i == 0) {
                        first = r;
                }
                must(r == first || strstr(value, "29-Feb-00"));
                must(r < 0 || wait_sec[i] < UINT32_MAX);
                check_date(value, times[i], r, wait_sec[i]);
        }
        return 0;
}
