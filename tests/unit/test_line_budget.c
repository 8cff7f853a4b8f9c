/* How many lines a log gets. */
#include "lib/line_budget.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static void a_burst_and_then_one_per_price(void **state)
{
        struct line_budget budget = { 0 };
        uint64_t now = 1000 * USEC_PER_SEC;

        for (int i = 0; i < 3; i++) {
                assert_true(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
        }
        assert_false(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
        for (int i = 0; i < 10; i++) {
                now += 1;
                assert_true(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
                assert_false(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
                now += USEC_PER_SEC - 1;
                assert_false(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
        }

        /* Unspent lines are no more than the burst, after any time. */
        now += USEC_PER_HOUR;
        for (int i = 0; i < 3; i++) {
                assert_true(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
        }
        assert_false(line_budget_spend(&budget, USEC_PER_SEC, 3, now));
}

static void says_once_what_was_kept_back(void **state)
{
        struct line_budget budget = { 0 };
        char text[LINE_BUDGET_TEXT_MAX];

        assert_string_equal(line_budget_kept_back(&budget, text), "");
        assert_true(line_budget_spend(&budget, 1, 1, 0));
        assert_false(line_budget_spend(&budget, 1, 1, 0));
        assert_false(line_budget_spend(&budget, 1, 1, 0));
        assert_string_equal(line_budget_kept_back(&budget, text), "; 2 lines about others were left out");
        assert_string_equal(line_budget_kept_back(&budget, text), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_burst_and_then_one_per_price),
                cmocka_unit_test(says_once_what_was_kept_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
