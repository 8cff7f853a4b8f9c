/* Turns of the gateway, and callers whose 401s say nothing. */
#include "daemon/frontend/gateway/mutes.h"
#include "daemon/frontend/gateway/turns.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void enter(struct turns *turns, struct turn *turn, uid_t uid, const char *local)
{
        assert_int_equal(turns_enter(turns, turn, uid, local), 0);
}

static void so_many_in_all(void **state)
{
        struct turn turn[3] = { 0 };
        struct turns turns;

        turns_init(&turns);
        enter(&turns, &turn[0], 1, "");
        assert_false(turn[0].has); /* there is no lane yet */
        turns.max = 2;
        assert_ptr_equal(turns_next(&turns), &turn[0]);
        assert_null(turns_next(&turns));
        enter(&turns, &turn[1], 1, "");
        enter(&turns, &turn[2], 2, "");
        assert_true(turn[0].has && turn[1].has && !turn[2].has);
        assert_int_equal(turns.n, 2);
        assert_int_equal(turns.n_waiting, 1);
        turns_leave(&turns, &turn[0]);
        assert_ptr_equal(turns_next(&turns), &turn[2]);
        for (size_t i = 0; i < ARRAY_SIZE(turn); i++) {
                turns_leave(&turns, &turn[i]); /* the first one is gone already */
        }
        assert_int_equal(turns.n, 0);
        assert_true(ring_is_empty(&turns.owners));
}

static void so_many_of_each(void **state)
{
        struct turn first[TURNS_EACH_MAX + 2] = { 0 }, other = { 0 }, keyed = { 0 };
        struct turns turns;

        turns_init(&turns);
        turns.max = 64;
        for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
                enter(&turns, &first[i], 1, "");
                assert_int_equal(first[i].has, i < TURNS_EACH_MAX);
        }
        enter(&turns, &other, 2, "");
        enter(&turns, &keyed, 1, "reports"); /* the same user by a local key is another one */
        assert_true(other.has && keyed.has);
        assert_null(turns_next(&turns));
        turns_leave(&turns, &first[TURNS_EACH_MAX]); /* it waits no more */
        turns_leave(&turns, &first[3]);
        assert_ptr_equal(turns_next(&turns), &first[TURNS_EACH_MAX + 1]);
        for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
                turns_leave(&turns, &first[i]);
        }
        turns_leave(&turns, &other);
        turns_leave(&turns, &keyed);
        assert_true(ring_is_empty(&turns.owners));
}

/* One with ten requests that wait does not keep another one with one waiting. */
static void in_turn(void **state)
{
        struct turn greedy[10] = { 0 }, modest[2] = { 0 };
        struct turns turns;

        turns_init(&turns);
        turns.max = 1;
        for (size_t i = 0; i < ARRAY_SIZE(greedy); i++) {
                enter(&turns, &greedy[i], 1, "");
        }
        enter(&turns, &modest[0], 2, "");
        enter(&turns, &modest[1], 2, "");
        turns_leave(&turns, &greedy[0]);
        assert_ptr_equal(turns_next(&turns), &greedy[1]);
        turns_leave(&turns, &greedy[1]);
        assert_ptr_equal(turns_next(&turns), &modest[0]);
        turns_leave(&turns, &modest[0]);
        assert_ptr_equal(turns_next(&turns), &greedy[2]);
        turns_leave(&turns, &greedy[2]);
        assert_ptr_equal(turns_next(&turns), &modest[1]);
        turns_leave(&turns, &modest[1]);
        for (size_t i = 3; i < ARRAY_SIZE(greedy); i++) {
                assert_ptr_equal(turns_next(&turns), &greedy[i]);
                turns_leave(&turns, &greedy[i]);
        }
        assert_null(turns_next(&turns));
}

static void mute_for_a_while(void **state)
{
        static struct mutes mutes;

        mutes_add(&mutes, "sandbox", 1, "", 100);
        assert_true(mutes_has(&mutes, "sandbox", 1, "", 100));
        assert_true(mutes_has(&mutes, "sandbox", 1, "", 99 + MUTES_USEC));
        assert_false(mutes_has(&mutes, "sandbox", 1, "", 100 + MUTES_USEC));
        assert_false(mutes_has(&mutes, "sandbox", 2, "", 100));
        assert_false(mutes_has(&mutes, "sandbox", 1, "reports", 100));
        assert_false(mutes_has(&mutes, "production", 1, "", 100));
}

static void the_oldest_counts_again(void **state)
{
        static struct mutes mutes;

        for (uid_t uid = 0; uid <= MUTES_MAX; uid++) {
                mutes_add(&mutes, "sandbox", uid, "", 100 + uid);
                mutes_add(&mutes, "sandbox", uid, "", 100 + uid); /* takes one place */
        }
        assert_false(mutes_has(&mutes, "sandbox", 0, "", 200));
        for (uid_t uid = 1; uid <= MUTES_MAX; uid++) {
                assert_true(mutes_has(&mutes, "sandbox", uid, "", 200));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(so_many_in_all),
                cmocka_unit_test(so_many_of_each),
                cmocka_unit_test(in_turn),
                cmocka_unit_test(mute_for_a_while),
                cmocka_unit_test(the_oldest_counts_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
