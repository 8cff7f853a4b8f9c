/* ETags as they stand in answers, and as clients name them. */
#include "lib/etag.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define OURS "W/\"00ff10\""

static void test_format(void **state)
{
        const uint8_t digest[ETAG_DIGEST_SIZE] = { 0x00, 0xff, 0x10, [15] = 0xab };
        char buffer[ETAG_TEXT_MAX];

        assert_string_equal(etag_format(digest, buffer), "W/\"00ff10000000000000000000000000ab\"");
        assert_int_equal(strlen(buffer) + 1, ETAG_TEXT_MAX);
}

static void test_named(void **state)
{
        static const char *const naming[] = {
                OURS,
                "\"00ff10\"",
                "*",
                " * ",
                "\"a\", " OURS,
                "\"a\"," OURS ",\"b\"",
                "\"a\",, \t," OURS,
                OURS ", and what makes no sense",
                "W/\"a,b\", " OURS,
        };

        for (size_t i = 0; i < ARRAY_SIZE(naming); i++) {
                if (!etag_is_named(OURS, naming[i])) {
                        fail_msg("%s names %s", naming[i], OURS);
                }
        }
}

static void test_not_named(void **state)
{
        static const char *const others[] = {
                "",
                " ",
                "00ff10",
                "\"00ff1\"",
                "\"00ff100\"",
                "\"00FF10\"",
                "w/\"00ff10\"",
                "W/W/\"00ff10\"",
                "\"00ff10",
                "W/",
                "W/ \"00ff10\"",
                "*, " OURS,
                "\"a\" " OURS,
                "\"a, " OURS,
                "a, " OURS,
                "\"*\"",
        };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                if (etag_is_named(OURS, others[i])) {
                        fail_msg("%s does not name %s", others[i], OURS);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_named),
                cmocka_unit_test(test_not_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
