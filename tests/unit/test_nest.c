/* Descriptors behind an epoll of their own: all that are ready are told in one turn, unless one of them
 * takes another out. */
#include "daemon/base/nest.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define N 3

struct one {
        struct nested nested;
        int ends[2];
        unsigned n_told;
        uint32_t events;
        struct one *takes_out; /* when it is told */
};

struct story {
        sd_event *event;
        struct nest *nest;
        struct one ones[N];
};

static void on_ready(struct nested *nested, uint32_t events)
{
        struct one *one = container_of(nested, struct one, nested);
        char byte;

        one->n_told++;
        one->events = events;
        if (events & EPOLLIN) {
                assert_int_equal(read(one->ends[0], &byte, 1), 1);
        }
        if (one->takes_out) {
                nested_remove(&one->takes_out->nested);
        }
}

static int set_up(void **state)
{
        struct story *story = calloc(1, sizeof(*story));

        assert_non_null(story);
        assert_true(sd_event_new(&story->event) >= 0);
        assert_int_equal(nest_new(&story->nest, story->event, "nest"), 0);
        for (size_t i = 0; i < N; i++) {
                struct one *one = &story->ones[i];
                assert_int_equal(pipe(one->ends), 0);
                assert_int_equal(nest_add(story->nest, &one->nested, one->ends[0], EPOLLIN, on_ready), 0);
        }
        *state = story;
        return 0;
}

static int tear_down(void **state)
{
        struct story *story = *state;

        for (size_t i = 0; i < N; i++) {
                nested_remove(&story->ones[i].nested);
                close_fd(&story->ones[i].ends[0]);
                close_fd(&story->ones[i].ends[1]);
        }
        assert_null(nest_free(story->nest));
        assert_null(nest_free(NULL));
        sd_event_unref(story->event);
        free(story);
        return 0;
}

static void make_ready(struct one *one)
{
        assert_int_equal(write(one->ends[1], "x", 1), 1);
}

/* False: nothing was ready. */
static bool turn(struct story *story)
{
        return sd_event_run(story->event, 0) > 0;
}

static void test_all_that_are_ready_are_told_in_one_turn(void **state)
{
        struct story *story = *state;

        assert_false(turn(story));
        make_ready(&story->ones[0]);
        make_ready(&story->ones[2]);
        assert_true(turn(story));
        assert_int_equal(story->ones[0].n_told, 1);
        assert_int_equal(story->ones[1].n_told, 0);
        assert_int_equal(story->ones[2].n_told, 1);
        assert_false(turn(story));
}

static void test_a_removed_descriptor_is_not_reported_any_more(void **state)
{
        struct story *story = *state;

        story->ones[0].takes_out = &story->ones[1];
        story->ones[1].takes_out = &story->ones[0];
        make_ready(&story->ones[0]);
        make_ready(&story->ones[1]);
        assert_true(turn(story));
        assert_int_equal(story->ones[0].n_told + story->ones[1].n_told, 1);
        nested_remove(&story->ones[2].nested);
        nested_remove(&story->ones[2].nested);
        make_ready(&story->ones[2]);
        while (turn(story)) {
        }
        assert_int_equal(story->ones[2].n_told, 0);
}

static void test_the_wanted_events_may_change(void **state)
{
        struct story *story = *state;
        struct one *one = &story->ones[0];

        nested_want(&one->nested, 0);
        make_ready(one);
        assert_false(turn(story));
        nested_want(&one->nested, EPOLLIN);
        assert_true(turn(story));
        assert_int_equal(one->n_told, 1);
        nested_want(&one->nested, 0);
        close_fd(&one->ends[1]);
        assert_true(turn(story)); /* a hang-up is told all the same */
        assert_true(one->events & EPOLLHUP);
        nested_remove(&one->nested);
        nested_want(&one->nested, EPOLLIN); /* of one that is in no nest, nothing */
        assert_false(turn(story));
}

static void test_a_descriptor_that_cannot_be_watched(void **state)
{
        struct story *story = *state;
        struct nested nested = { 0 };

        assert_int_equal(nest_add(story->nest, &nested, -1, EPOLLIN, on_ready), -EBADF);
        assert_null(nested.nest);
        nested_remove(&nested);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all_that_are_ready_are_told_in_one_turn, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_removed_descriptor_is_not_reported_any_more, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_the_wanted_events_may_change, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_descriptor_that_cannot_be_watched, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
