/* Whose groups are asked for, and in which order, with a keeper that needs 200 ms for each user. */
#include "daemon/frontend/known/known_groups.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define MSEC   UINT64_C(1000)
#define TAKES  (200 * MSEC)
#define MEMBER 7011
#define GROUP  99

struct keeper {
        struct {
                uid_t uid;
                uint64_t until_usec;
        } asked[64];
        size_t n, n_most, n_in_all;
        uint64_t now_usec;
};

struct asker {
        struct waiter waiter;
        uid_t uid;
        bool told;
};

static void on_groups(struct keeper *keeper, uid_t uid)
{
        assert_true(keeper->n < ARRAY_SIZE(keeper->asked));
        keeper->asked[keeper->n].uid = uid;
        keeper->asked[keeper->n++].until_usec = keeper->now_usec + TAKES;
        keeper->n_most = MAX_OF(keeper->n_most, keeper->n);
        keeper->n_in_all++;
}

static const struct keeper_calls calls = { .groups = on_groups };

static void on_news(struct waiter *waiter)
{
        ((struct asker *)waiter)->told = true;
}

struct scene {
        struct keeper keeper;
        struct sides sides;
        struct known_groups groups;
        struct asker askers[1000];
        size_t n;
};

static int begin(void **state)
{
        static struct scene scene;

        scene = (struct scene){ .keeper.now_usec = 1000 * MSEC };
        scene.sides = (struct sides){ .ask = &calls, .keeper = &scene.keeper };
        scene.groups.questions.sides = &scene.sides;
        *state = &scene;
        return 0;
}

static int end(void **state)
{
        known_groups_clear(&((struct scene *)*state)->groups);
        return 0;
}

/* NULL: it is known. */
static struct asker *ask(struct scene *scene, uid_t uid)
{
        struct asker *asker = &scene->askers[scene->n++];
        struct rule_group_list list;
        uint64_t until_usec = 0;

        assert_true(scene->n <= ARRAY_SIZE(scene->askers));
        *asker = (struct asker){ .waiter.on_news = on_news, .uid = uid };
        return known_groups_find(&scene->groups, uid, scene->keeper.now_usec, &asker->waiter, &list,
                                 &until_usec) < 0
                       ? asker
                       : NULL;
}

/* The next moment at which the keeper answers something. */
static void step(struct scene *scene)
{
        struct keeper *keeper = &scene->keeper;
        static const gid_t group = GROUP;

        assert_true(keeper->n > 0);
        uid_t uid = keeper->asked[0].uid;
        keeper->now_usec = keeper->asked[0].until_usec;
        keeper->n--;
        memmove(&keeper->asked[0], &keeper->asked[1], keeper->n * sizeof(keeper->asked[0]));
        known_groups_take(&scene->groups, uid, &group, uid == MEMBER, true, keeper->now_usec);
}

static uint64_t wait_for(struct scene *scene, struct asker *asker)
{
        uint64_t began_usec = scene->keeper.now_usec;

        while (!asker->told) {
                step(scene);
        }
        return scene->keeper.now_usec - began_usec;
}

/* Uids of one owner lie side by side, and there are many of them. */
static void a_stranger_with_a_range(void **state)
{
        struct scene *scene = *state;

        for (uid_t i = 0; i < 600; i++) {
                assert_non_null(ask(scene, 100000 + i));
        }
        assert_true(wait_for(scene, ask(scene, MEMBER)) <= 3 * TAKES);
        assert_int_equal(scene->keeper.n_most, GROUP_QUESTIONS_STRANGERS);
        assert_null(ask(scene, MEMBER));
        while (scene->keeper.n > 0) {
                step(scene);
        }
        for (size_t i = 0; i < 600; i++) {
                assert_true(scene->askers[i].told); /* nobody is forgotten */
        }
        assert_int_equal(scene->keeper.n_in_all, 601);
}

/* A user who was found before has questions of its own, even among its like. */
static void a_known_member(void **state)
{
        struct scene *scene = *state;

        (void)wait_for(scene, ask(scene, MEMBER));
        for (uid_t i = 0; i < 600; i++) {
                assert_non_null(ask(scene, MEMBER - 300 + i + (i >= 300)));
        }
        known_groups_forget(&scene->groups);
        assert_int_equal(wait_for(scene, ask(scene, MEMBER)), TAKES);

        /* The results of the others do not push it out. */
        while (scene->keeper.n > 0) {
                step(scene);
        }
        scene->n = 0;
        assert_null(ask(scene, MEMBER));
}

/* The oldest of them has its turn, however many come that lie better. */
static void nobody_waits_for_ever(void **state)
{
        struct scene *scene = *state;
        struct asker *first;

        for (uid_t i = 0; i < 20; i++) {
                (void)ask(scene, 100000 + i);
        }
        first = ask(scene, 100020);
        for (uid_t i = 0; i < 100 && !first->told; i++) {
                (void)ask(scene, (i + 1) * 65536 * 37);
                step(scene);
        }
        assert_true(first->told);
}

/* No question is asked about a caller that has gone. */
static void a_caller_that_waits_no_more(void **state)
{
        struct scene *scene = *state;

        for (uid_t i = 0; i < 600; i++) {
                struct asker *asker = ask(scene, 100000 + i);
                if (i >= 100) {
                        waiter_cancel(&asker->waiter);
                }
        }
        while (scene->keeper.n > 0) {
                step(scene);
        }
        assert_true(scene->keeper.n_in_all <= 101);
}

/* One question for all connections of a user. */
static void one_user_many_times(void **state)
{
        struct scene *scene = *state;

        for (size_t i = 0; i < 64; i++) {
                assert_non_null(ask(scene, MEMBER));
        }
        assert_int_equal(scene->keeper.n_in_all, 1);
        step(scene);
        for (size_t i = 0; i < 64; i++) {
                assert_true(scene->askers[i].told);
        }
}

static int find_groups(struct scene *scene, size_t *ret_n, uint64_t *ret_until_usec)
{
        struct asker *asker = &scene->askers[scene->n++];
        struct rule_group_list list = { .n = SIZE_MAX };

        *asker = (struct asker){ .waiter.on_news = on_news, .uid = MEMBER };
        int r = known_groups_find(&scene->groups, MEMBER, scene->keeper.now_usec, &asker->waiter, &list,
                                  ret_until_usec);
        *ret_n = list.n;
        return r;
}

/* Groups that nobody told are not no groups; and a user database in trouble is not asked at each request. */
static void a_silent_user_database(void **state)
{
        struct scene *scene = *state;
        uint64_t until_usec = 0;
        size_t n = 0;

        known_groups_take(&scene->groups, MEMBER, NULL, 0, false, scene->keeper.now_usec);
        assert_int_equal(find_groups(scene, &n, &until_usec), -ENODATA);
        assert_int_equal(until_usec, scene->keeper.now_usec + KNOWN_GROUPS_KEPT_USEC);
        assert_int_equal(scene->keeper.n_in_all, 0);
        scene->keeper.now_usec = until_usec;
        assert_int_equal(find_groups(scene, &n, &until_usec), -EAGAIN);
        assert_int_equal(scene->keeper.n_in_all, 1);
        known_groups_take(&scene->groups, MEMBER, NULL, 0, true, scene->keeper.now_usec);
        assert_int_equal(find_groups(scene, &n, &until_usec), 0);
        assert_int_equal(n, 0);
}

/* A keeper that has lost the questions does not keep new ones from being asked for ever. */
static void lost_questions(void **state)
{
        struct scene *scene = *state;

        for (uid_t i = 0; i < GROUP_QUESTIONS_MAX; i++) {
                (void)ask(scene, 100000 + i);
        }
        scene->keeper.n = 0;
        for (size_t i = 0; i < scene->n; i++) {
                waiter_cancel(&scene->askers[i].waiter);
        }
        struct asker *late = ask(scene, MEMBER);
        assert_int_equal(scene->keeper.n, 0);
        scene->keeper.now_usec += GROUP_QUESTIONS_LOST_USEC;
        waiter_cancel(&late->waiter);
        assert_int_equal(wait_for(scene, ask(scene, MEMBER)), TAKES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_stranger_with_a_range, begin, end),
                cmocka_unit_test_setup_teardown(a_known_member, begin, end),
                cmocka_unit_test_setup_teardown(nobody_waits_for_ever, begin, end),
                cmocka_unit_test_setup_teardown(a_caller_that_waits_no_more, begin, end),
                cmocka_unit_test_setup_teardown(one_user_many_times, begin, end),
                cmocka_unit_test_setup_teardown(a_silent_user_database, begin, end),
                cmocka_unit_test_setup_teardown(lost_questions, begin, end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
