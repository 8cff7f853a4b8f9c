/* Timers and turns: off until somebody wants them, and then for once. */
#include "daemon/base/timer.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

static sd_event *event;
static unsigned n_fired;

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        assert_ptr_equal(userdata, &n_fired);
        n_fired++;
        return 0;
}

static int on_turn(sd_event_source *source, void *userdata)
{
        n_fired++;
        return 0;
}

static int set_up(void **state)
{
        n_fired = 0;
        return sd_event_new(&event) < 0;
}

static int tear_down(void **state)
{
        event = sd_event_unref(event);
        return 0;
}

/* Whatever is to happen now has happened. */
static void run_until_quiet(void)
{
        while (sd_event_run(event, 0) > 0) {
        }
}

static void assert_named(sd_event_source *source, const char *name)
{
        const char *description = NULL;

        assert_true(sd_event_source_get_description(source, &description) >= 0);
        assert_string_equal(description, name);
}

static void test_a_timer_is_off_until_it_is_started(void **state)
{
        static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };

        for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
                sd_event_source *timer = NULL;
                n_fired = 0;
                assert_int_equal(timer_new(&timer, event, clocks[i], on_time, &n_fired, "egg"), 0);
                assert_named(timer, "egg");
                run_until_quiet();
                assert_int_equal(n_fired, 0);
                timer_start_in(timer, 0);
                run_until_quiet();
                assert_int_equal(n_fired, 1);
                run_until_quiet();
                assert_int_equal(n_fired, 1);
                timer_start_at(timer, 1); /* long ago */
                run_until_quiet();
                assert_int_equal(n_fired, 2);
                sd_event_source_disable_unref(timer);
        }
}

static void test_a_timer_that_is_stopped_does_not_fire(void **state)
{
        sd_event_source *timer = NULL;

        assert_int_equal(timer_new(&timer, event, CLOCK_MONOTONIC, on_time, &n_fired, "egg"), 0);
        timer_start_in(timer, 0);
        timer_stop(timer);
        run_until_quiet();
        assert_int_equal(n_fired, 0);
        timer_start_in(timer, 0);
        timer_start_in(timer, USEC_PER_HOUR);
        run_until_quiet();
        assert_int_equal(n_fired, 0);
        sd_event_source_disable_unref(timer);
}

static void test_a_turn_comes_when_it_is_asked_for(void **state)
{
        sd_event_source *turn = NULL;

        assert_int_equal(turn_new(&turn, event, on_turn, NULL, "again"), 0);
        assert_named(turn, "again");
        run_until_quiet();
        assert_int_equal(n_fired, 0);
        assert_int_equal(sd_event_source_set_enabled(turn, SD_EVENT_ONESHOT), 0);
        run_until_quiet();
        assert_int_equal(n_fired, 1);
        sd_event_source_disable_unref(turn);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_timer_is_off_until_it_is_started, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_timer_that_is_stopped_does_not_fire, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_turn_comes_when_it_is_asked_for, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
