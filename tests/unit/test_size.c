/* Sizes as people write them. */
#include "lib/size.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void expect(const char *text, uint64_t size, const char *written)
{
        char buffer[SIZE_TEXT_MAX];
        uint64_t read = 7;

        assert_int_equal(size_parse(text, &read), 0);
        assert_int_equal(read, size);
        assert_string_equal(size_format(read, buffer), written);
        assert_int_equal(size_parse(buffer, &read), 0);
        assert_int_equal(read, size);
}

static void sizes(void **state)
{
        expect("0", 0, "0");
        expect("1", 1, "1");
        expect("1000", 1000, "1000");
        expect("7B", 7, "7");
        expect("1024", 1024, "1KiB");
        expect("64K", 65536, "64KiB");
        expect("64MiB", 67108864, "64MiB");
        expect("64 MiB", 67108864, "64MiB");
        expect("2048M", UINT64_C(2147483648), "2GiB");
        expect("1536 KiB", 1572864, "1536KiB");
        expect("1024GiB", UINT64_C(1) << 40, "1024GiB");
        expect("0GiB", 0, "0");
        expect("1073741823G", (UINT64_C(1) << 60) - (UINT64_C(1) << 30), "1073741823GiB");
}

static void text_that_is_none(void **state)
{
        static const char *const texts[] = { "",   " ",  "M",    "-1",   "+1",   "1MB",   "1kB",  "1k",
                                             "1m", "1 ", "1  M", "1.5M", "0x10", "1MiBx", "1TiB", " 1" };
        static const char *const large[] = { "1152921504606846976", "99999999999999999999999",
                                             "1073741824G" };
        uint64_t size = 7;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_int_equal(size_parse(texts[i], &size), -EINVAL);
        }
        for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
                assert_int_equal(size_parse(large[i], &size), -ERANGE);
        }
        assert_int_equal(size, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes),
                cmocka_unit_test(text_that_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
