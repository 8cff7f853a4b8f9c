/* Which units are asked for, and for how long they are remembered. */
#include "daemon/frontend/known/known_units.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define NOW   (1000 * USEC_PER_SEC)
#define ALICE 1000
#define BOB   1001

struct keeper {
        uint64_t asked[1000];
        size_t n;
};

struct scene {
        struct keeper keeper;
        struct sides sides;
        struct known_units units;
        struct waiter waiter;
        unsigned n_told;
        char name[UNIT_NAME_MAX + 1];
};

static struct scene scene;

static void on_unit(struct keeper *keeper, uint64_t cgroup)
{
        assert_true(keeper->n < ARRAY_SIZE(keeper->asked));
        keeper->asked[keeper->n++] = cgroup;
}

static void on_news(struct waiter *waiter)
{
        scene.n_told++;
}

static int begin(void **state)
{
        static const struct keeper_calls calls = { .unit = on_unit };

        scene = (struct scene){ .waiter.on_news = on_news };
        scene.sides = (struct sides){ .ask = &calls, .keeper = &scene.keeper };
        scene.units.sides = &scene.sides;
        return 0;
}

static int end(void **state)
{
        known_units_clear(&scene.units);
        assert_null(scene.waiter.link);
        return 0;
}

static int find(uint64_t cgroup, uid_t uid, uint64_t now_usec)
{
        return known_units_find(&scene.units, cgroup, uid, now_usec, &scene.waiter, scene.name);
}

static void a_question_is_asked_once_and_its_answer_kept(void **state)
{
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
        assert_int_equal(find(7, ALICE, NOW + 1), -EAGAIN);
        assert_int_equal(scene.keeper.n, 1);
        assert_int_equal(scene.keeper.asked[0], 7);
        known_units_take(&scene.units, 8, "other.service", NOW + 2); /* nobody asked */
        assert_int_equal(scene.n_told, 0);
        known_units_take(&scene.units, 7, "deploy.service", NOW + 2);
        assert_int_equal(scene.n_told, 1);
        assert_int_equal(find(7, BOB, NOW + 3), 0);
        assert_string_equal(scene.name, "deploy.service");
        assert_int_equal(find(7, ALICE, NOW + 1 + KNOWN_UNITS_KEPT_USEC), 0);
        assert_int_equal(find(7, ALICE, NOW + 2 + KNOWN_UNITS_KEPT_USEC), -EAGAIN);
        assert_int_equal(scene.keeper.n, 2);
}

static void none_is_an_answer_too(void **state)
{
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
        known_units_take(&scene.units, 7, "", NOW);
        assert_int_equal(find(7, ALICE, NOW), 0);
        assert_string_equal(scene.name, "");
}

static void other_rules_may_name_others(void **state)
{
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
        known_units_take(&scene.units, 7, "", NOW);
        assert_int_equal(find(8, ALICE, NOW), -EAGAIN);
        known_units_forget(&scene.units);
        known_units_take(&scene.units, 8, "deploy.service", NOW); /* its answer was still to come */
        assert_int_equal(find(8, ALICE, NOW), 0);
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
}

/* A user with many control groups does not keep those of others from being asked about. */
static void a_user_has_few_questions_at_a_time(void **state)
{
        for (uint64_t i = 1; i <= KNOWN_UNITS_OF_USER; i++) {
                assert_int_equal(find(i, ALICE, NOW), -EAGAIN);
        }
        assert_int_equal(find(99, ALICE, NOW), -EBUSY);
        assert_int_equal(find(1, ALICE, NOW), -EAGAIN); /* which is asked already */
        assert_int_equal(find(99, BOB, NOW), -EAGAIN);
        known_units_take(&scene.units, 1, "", NOW);
        assert_int_equal(find(100, ALICE, NOW), -EAGAIN);
}

static void strangers_do_not_push_out_units(void **state)
{
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
        known_units_take(&scene.units, 7, "deploy.service", NOW);
        for (uint64_t i = 100; i < 100 + 3 * KNOWN_UNITS_MAX; i++) {
                assert_int_equal(find(i, BOB, NOW + i), -EAGAIN);
                known_units_take(&scene.units, i, "", NOW + i);
        }
        assert_int_equal(find(7, ALICE, NOW + 500), 0);
        assert_string_equal(scene.name, "deploy.service");
}

/* Nor where all other places wait for their answers. */
static void questions_do_not_push_out_units(void **state)
{
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
        known_units_take(&scene.units, 7, "deploy.service", NOW);
        for (uint64_t i = 1; i < KNOWN_UNITS_MAX; i++) {
                assert_int_equal(find(100 + i, 1000 + (uid_t)i, NOW), -EAGAIN);
        }
        assert_int_equal(find(8, BOB, NOW), -EBUSY);
        assert_int_equal(find(7, ALICE, NOW), 0);
}

/* A unit may have any number of them below its own. */
static void many_groups_of_a_unit_do_not_fill_the_house(void **state)
{
        for (uint64_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                assert_int_equal(find(100 + i, ALICE, NOW), -EAGAIN);
                known_units_take(&scene.units, 100 + i, "deploy.service", NOW);
        }
        assert_int_equal(find(8, BOB, NOW), -EAGAIN);
}

static void a_full_house_has_no_place(void **state)
{
        for (uint64_t i = 0; i < KNOWN_UNITS_MAX; i++) {
                assert_int_equal(find(100 + i, (uid_t)i, NOW), -EAGAIN);
        }
        assert_int_equal(find(7, ALICE, NOW), -EBUSY);
}

/* A keeper that was replaced, or had too much to do. */
static void a_question_that_was_lost_is_asked_again(void **state)
{
        assert_int_equal(find(7, ALICE, NOW), -EAGAIN);
        waiter_cancel(&scene.waiter);
        assert_int_equal(find(7, ALICE, NOW + KNOWN_UNITS_LOST_USEC - 1), -EAGAIN);
        assert_int_equal(scene.keeper.n, 1);
        waiter_cancel(&scene.waiter);
        assert_int_equal(find(7, ALICE, NOW + KNOWN_UNITS_LOST_USEC), -EAGAIN);
        assert_int_equal(scene.keeper.n, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_question_is_asked_once_and_its_answer_kept, begin, end),
                cmocka_unit_test_setup_teardown(none_is_an_answer_too, begin, end),
                cmocka_unit_test_setup_teardown(other_rules_may_name_others, begin, end),
                cmocka_unit_test_setup_teardown(a_user_has_few_questions_at_a_time, begin, end),
                cmocka_unit_test_setup_teardown(strangers_do_not_push_out_units, begin, end),
                cmocka_unit_test_setup_teardown(questions_do_not_push_out_units, begin, end),
                cmocka_unit_test_setup_teardown(many_groups_of_a_unit_do_not_fill_the_house, begin, end),
                cmocka_unit_test_setup_teardown(a_full_house_has_no_place, begin, end),
                cmocka_unit_test_setup_teardown(a_question_that_was_lost_is_asked_again, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
