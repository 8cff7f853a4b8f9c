/* Work that takes long: a user's turns are apart, and the loop has most of the time for others. */
#include "lib/spaced_turns.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define MSEC UINT64_C(1000)

static void turns_of_one(void **state)
{
        struct spaced_turns turns = { 0 };

        assert_int_equal(spaced_turns_next(&turns, 0, 5), 5);
        spaced_turns_taken(&turns, 0, 4 * MSEC, 10 * MSEC);
        assert_int_equal(spaced_turns_next(&turns, 0, 11 * MSEC), 110 * MSEC);
        assert_int_equal(spaced_turns_next(&turns, 0, 110 * MSEC), 110 * MSEC);
        assert_int_equal(spaced_turns_next(&turns, 1, 11 * MSEC), 38 * MSEC); /* another user */
        assert_int_equal(spaced_turns_next(&turns, 1, 38 * MSEC), 38 * MSEC);
}

/* However many ask all the time, whatever a turn takes: the share of all, and of one, is bounded. */
static void shares(void **state)
{
        struct spaced_turns turns = { 0 };
        uint64_t now = MSEC, spent = 0, n[100] = { 0 };

        while (now < 10000 * MSEC) {
                uint64_t next = USEC_NEVER;
                for (uid_t uid = 0; uid < ARRAY_SIZE(n); uid++) {
                        uint64_t turn = spaced_turns_next(&turns, uid, now);
                        if (turn == now) {
                                uint64_t took = 3 * MSEC + uid % 3;
                                now += took;
                                spent += took;
                                n[uid]++;
                                spaced_turns_taken(&turns, uid, took, now);
                        }
                        next = MIN_OF(next, spaced_turns_next(&turns, uid, now));
                }
                now = MAX_OF(now + 1, next);
        }
        assert_true(spent <= now / (SPACED_TURNS_REST + 1) + 10 * MSEC);
        for (uid_t uid = 0; uid < ARRAY_SIZE(n); uid++) {
                assert_true(n[uid] <= 100);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(turns_of_one), cmocka_unit_test(shares) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
