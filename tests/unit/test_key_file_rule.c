/* Key file rule: which modes, types and lengths are refused, and with which words. */
#include "lib/access_key.h"
#include "lib/key_file_rule.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void expect_fine(unsigned mode, bool relaxed)
{
        char reason[200];

        if (key_file_check(/* is_regular= */ true, mode, ACCESS_KEY_TEXT_MAX, relaxed, reason,
                           sizeof(reason)) != 0) {
                fail_msg("%04o was refused: %s", mode, reason);
        }
}

static void expect_refusal(unsigned mode, bool relaxed, const char *words)
{
        char reason[200];

        if (key_file_check(/* is_regular= */ true, mode, 40, relaxed, reason, sizeof(reason)) != -EINVAL) {
                fail_msg("%04o was not refused", mode);
        }
        if (!strstr(reason, words)) {
                fail_msg("%04o: %s", mode, reason);
        }
}

static void owner_and_group_may_read(void **state)
{
        expect_fine(0600, false);
        expect_fine(0400, false);
        expect_fine(0640, false);
        expect_fine(0100640, false); /* the type's bits do not count */
}

static void nobody_else_may_write(void **state)
{
        expect_refusal(0620, false, "others may write to it (mode 0620)");
        expect_refusal(0602, true, "others may write to it (mode 0602)");
        expect_refusal(0100666, true, "(mode 0666)");
}

static void everybody_may_read_if_relaxed(void **state)
{
        expect_refusal(0644, false, "everybody may read it (mode 0644)");
        expect_fine(0644, true);
        expect_fine(0444, true);
}

static void neither_a_device_nor_a_book(void **state)
{
        char reason[200];

        assert_int_equal(key_file_check(false, 0600, 0, true, reason, sizeof(reason)), -EINVAL);
        assert_non_null(strstr(reason, "regular"));
        assert_int_equal(key_file_check(true, 0600, ACCESS_KEY_TEXT_MAX + 1, true, reason, sizeof(reason)),
                         -EINVAL);
        assert_non_null(strstr(reason, "too long"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(owner_and_group_may_read),
                cmocka_unit_test(nobody_else_may_write),
                cmocka_unit_test(everybody_may_read_if_relaxed),
                cmocka_unit_test(neither_a_device_nor_a_book),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
