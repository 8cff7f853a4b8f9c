/* The budget of exchanges: floor, shares, what is given back, what goes over a restart. */
#include "lib/refresh_budget.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define SEC   USEC_PER_SEC
#define START (1000 * SEC)

/* Takes n of this share, a second apart; returns when the next second begins. */
static uint64_t take(struct refresh_budget *budget, enum refresh_share share, unsigned n, uint64_t from)
{
        for (unsigned i = 0; i < n; i++) {
                refresh_budget_take(budget, share, from + i * SEC);
        }
        return from + n * SEC;
}

/* All that an hour may see: need first. Returns when the next second begins. */
static uint64_t take_all(struct refresh_budget *budget, uint64_t from)
{
        uint64_t now = take(budget, REFRESH_SHARE_NEED, REFRESH_NEED_SHARE, from);

        for (int share = REFRESH_SHARE_TRIAL; share < _REFRESH_SHARE_COUNT; share++) {
                now = take(budget, (enum refresh_share)share, REFRESH_WISH_SHARE, now);
        }
        return now;
}

static void test_empty(void **state)
{
        struct refresh_budget budget = { 0 };
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET];
        assert_int_equal(refresh_budget_floor_usec(&budget), 0);
        assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_NEED), 0);
        assert_int_equal(refresh_budget_used(&budget, START), 0);
        assert_int_equal(refresh_budget_list(&budget, sent), 0);
}

static void test_floor(void **state)
{
        struct refresh_budget budget = { 0 };
        refresh_budget_take(&budget, REFRESH_SHARE_TRIAL, START);
        assert_int_equal(refresh_budget_floor_usec(&budget), START + REFRESH_FLOOR_USEC);
        assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_TRIAL), 0);
}

static void test_no_share_takes_from_another(void **state)
{
        for (int taken = 0; taken < _REFRESH_SHARE_COUNT; taken++) {
                struct refresh_budget budget = { 0 };
                unsigned allowed = taken == REFRESH_SHARE_NEED ? REFRESH_NEED_SHARE : REFRESH_WISH_SHARE;
                uint64_t now = take(&budget, (enum refresh_share)taken, allowed - 1, START);
                assert_int_equal(refresh_budget_free_usec(&budget, (enum refresh_share)taken), 0);
                (void)take(&budget, (enum refresh_share)taken, 1, now);
                for (int other = 0; other < _REFRESH_SHARE_COUNT; other++) {
                        assert_int_equal(refresh_budget_free_usec(&budget, (enum refresh_share)other),
                                         other == taken ? START + USEC_PER_HOUR : 0);
                }
        }
}

static void test_all_of_an_hour(void **state)
{
        struct refresh_budget budget = { 0 };
        uint64_t now = take_all(&budget, START);
        assert_int_equal(refresh_budget_used(&budget, now), REFRESH_HOURLY_BUDGET);
        assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_NEED), START + USEC_PER_HOUR);
        assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_OPERATOR),
                         START + (REFRESH_HOURLY_BUDGET - REFRESH_WISH_SHARE) * SEC + USEC_PER_HOUR);
        /* The hour slides: each one counts until it is an hour old. */
        assert_int_equal(refresh_budget_used(&budget, START + USEC_PER_HOUR - 1), REFRESH_HOURLY_BUDGET);
        assert_int_equal(refresh_budget_used(&budget, START + USEC_PER_HOUR), REFRESH_HOURLY_BUDGET - 1);
        assert_int_equal(refresh_budget_used(&budget, now + USEC_PER_HOUR), 0);
}

static void test_given_back_but_for_the_floor(void **state)
{
        struct refresh_budget budget = { 0 };
        uint64_t now = take(&budget, REFRESH_SHARE_REPORT, REFRESH_WISH_SHARE, START);
        refresh_budget_give_back(&budget);
        assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_REPORT), 0);
        assert_int_equal(refresh_budget_used(&budget, now), REFRESH_WISH_SHARE - 1);
        assert_int_equal(refresh_budget_floor_usec(&budget), now);
}

/* An exchange that is given back has pushed the oldest one out of the ring: the place stays empty. */
static void test_given_back_at_a_full_ring(void **state)
{
        struct refresh_budget budget = { 0 };
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET];
        uint64_t now = START + USEC_PER_HOUR;

        (void)take_all(&budget, START);
        for (unsigned i = 0; i < 3; i++) { /* once, or again and again */
                refresh_budget_take(&budget, REFRESH_SHARE_NEED, now);
                assert_int_equal(refresh_budget_used(&budget, now), REFRESH_HOURLY_BUDGET);
                refresh_budget_give_back(&budget);
                assert_int_equal(refresh_budget_used(&budget, now), REFRESH_HOURLY_BUDGET - 1);
                assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_NEED), 0);
                assert_int_equal(refresh_budget_list(&budget, sent), REFRESH_HOURLY_BUDGET - 1);
                assert_int_equal(sent[0].usec, START + SEC);
        }
        /* Then one is sent, and the ring is full again. */
        refresh_budget_take(&budget, REFRESH_SHARE_NEED, now);
        assert_int_equal(refresh_budget_free_usec(&budget, REFRESH_SHARE_NEED), START + SEC + USEC_PER_HOUR);
        assert_int_equal(refresh_budget_list(&budget, sent), REFRESH_HOURLY_BUDGET);
        assert_int_equal(sent[REFRESH_HOURLY_BUDGET - 1].usec, now);
}

static void assert_same_after_restore(const struct refresh_budget *budget)
{
        struct refresh_budget next = { 0 };
        struct refresh_sent before[REFRESH_HOURLY_BUDGET] = { 0 }, after[REFRESH_HOURLY_BUDGET] = { 0 };
        size_t n = refresh_budget_list(budget, before);

        refresh_budget_restore(&next, before, n);
        assert_int_equal(refresh_budget_list(&next, after), n);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(after[i].usec, before[i].usec);
                assert_int_equal(after[i].share, before[i].share);
                assert_true(i == 0 || before[i - 1].usec <= before[i].usec);
        }
        for (int share = 0; share < _REFRESH_SHARE_COUNT; share++) {
                assert_int_equal(refresh_budget_free_usec(&next, (enum refresh_share)share),
                                 refresh_budget_free_usec(budget, (enum refresh_share)share));
        }
}

static void test_round_trip(void **state)
{
        struct refresh_budget budget = { 0 };
        uint64_t now = START;

        assert_same_after_restore(&budget);
        for (unsigned i = 0; i < 2 * REFRESH_HOURLY_BUDGET + 7; i++) {
                enum refresh_share share = i % 7 == 3   ? REFRESH_SHARE_TRIAL
                                           : i % 9 == 4 ? REFRESH_SHARE_DEMAND
                                                        : REFRESH_SHARE_NEED;
                refresh_budget_take(&budget, share, now);
                assert_same_after_restore(&budget);
                now += 100 * SEC;
        }
        refresh_budget_give_back(&budget);
        assert_same_after_restore(&budget);
}

static void test_restored_floor(void **state)
{
        static const struct refresh_sent sent[] = { { START, REFRESH_SHARE_NEED },
                                                    { START + 5 * SEC, REFRESH_SHARE_TRIAL } };
        struct refresh_budget budget = { 0 };
        refresh_budget_restore(&budget, sent, ARRAY_SIZE(sent));
        assert_int_equal(refresh_budget_floor_usec(&budget), START + 6 * SEC);
}

static void test_pace(void **state)
{
        struct refresh_budget budget = { 0 };
        assert_int_equal(refresh_budget_pace_usec(&budget, REFRESH_SHARE_NEED, START), 0);
        (void)take(&budget, REFRESH_SHARE_NEED, 14, START);
        (void)take(&budget, REFRESH_SHARE_TRIAL, 1, START + 20 * SEC);
        assert_int_equal(refresh_budget_pace_usec(&budget, REFRESH_SHARE_NEED, START + 300 * SEC),
                         110 * SEC);
        (void)take(&budget, REFRESH_SHARE_NEED, 30, START + 310 * SEC); /* nothing is left */
        assert_int_equal(refresh_budget_pace_usec(&budget, REFRESH_SHARE_NEED, START + 350 * SEC), 0);
}

static void test_names(void **state)
{
        assert_string_equal(refresh_share_name(REFRESH_SHARE_NEED), "need");
        assert_string_equal(refresh_share_name(REFRESH_SHARE_TRIAL), "trial");
        assert_string_equal(refresh_share_name(REFRESH_SHARE_REPORT), "report");
        assert_string_equal(refresh_share_name(REFRESH_SHARE_DEMAND), "demand");
        assert_string_equal(refresh_share_name(REFRESH_SHARE_OPERATOR), "operator");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_floor),
                cmocka_unit_test(test_no_share_takes_from_another),
                cmocka_unit_test(test_all_of_an_hour),
                cmocka_unit_test(test_given_back_but_for_the_floor),
                cmocka_unit_test(test_given_back_at_a_full_ring),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_restored_floor),
                cmocka_unit_test(test_pace),
                cmocka_unit_test(test_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
