/* How many lines a log gets about each caller. */
#include "lib/line_share.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define NOW (1000 * USEC_PER_SEC)

static struct line_shares shares;

static int set_up(void **state)
{
        memset(&shares, 0, sizeof(shares));
        return 0;
}

static bool spend(uid_t uid, const char *local, uint64_t now_usec)
{
        struct line_caller caller = { .known = true, .uid = uid };

        (void)snprintf(caller.local, sizeof(caller.local), "%s", local);
        return line_shares_spend(&shares, &caller, USEC_PER_SEC, 3, now_usec);
}

/* Some usec later there is nothing either. */
static void spend_all(uid_t uid, const char *local, uint64_t now_usec)
{
        while (spend(uid, local, now_usec) || spend(uid, local, now_usec + 1)) {
        }
}

static void test_one_leaves_the_others_theirs(void **state)
{
        for (int i = 0; i < 3; i++) {
                assert_true(spend(1000, "", NOW));
        }
        assert_false(spend(1000, "", NOW));
        for (int i = 0; i < 3; i++) {
                assert_true(spend(1001, "", NOW));
                assert_true(spend(1000, "reports", NOW));
        }
        assert_false(spend(1001, "", NOW));
        assert_false(spend(1000, "reports", NOW));
        assert_true(spend(1000, "", NOW + USEC_PER_SEC));
        assert_false(spend(1000, "", NOW + USEC_PER_SEC));
}

static void test_an_unknown_caller_is_not_root(void **state)
{
        const struct line_caller unknown = { .known = false };

        spend_all(0, "", NOW);
        assert_true(line_shares_spend(&shares, &unknown, USEC_PER_SEC, 3, NOW));
}

static void test_of_many_the_one_not_heard_of_for_longest_gives_way(void **state)
{
        for (uid_t uid = 0; uid < LINE_SHARES_MAX; uid++) {
                spend_all(uid, "", NOW + 10 * uid);
        }
        assert_false(spend(0, "", NOW + 1000)); /* is asked about again, so it stays */
        assert_true(spend(5000, "", NOW + 1001));
        assert_false(spend(0, "", NOW + 1002));
        for (uid_t uid = 2; uid < LINE_SHARES_MAX; uid++) {
                assert_false(spend(uid, "", NOW + 1003));
        }
        assert_true(spend(1, "", NOW + 1004)); /* forgotten */
        assert_int_equal(shares.n, LINE_SHARES_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_one_leaves_the_others_theirs, set_up),
                cmocka_unit_test_setup(test_an_unknown_caller_is_not_root, set_up),
                cmocka_unit_test_setup(test_of_many_the_one_not_heard_of_for_longest_gives_way, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
