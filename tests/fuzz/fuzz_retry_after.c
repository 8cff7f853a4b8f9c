/* Any bytes as the value of Retry-After, at several times. */
#include "lib/retry_after.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

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
        }
        return 0;
}
