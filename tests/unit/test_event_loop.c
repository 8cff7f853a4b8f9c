/* The event loop, whose turns fail when they are told to. */
#include "daemon/base/event_loop.h"
#include "tests/unit/unit.h"

#include <errno.h>

int __real_sd_event_run(sd_event *event, uint64_t timeout_usec);
int __wrap_sd_event_run(sd_event *event, uint64_t timeout_usec);
int __wrap_poll(void *fds, unsigned long n_fds, int timeout_msec);

static struct {
        int error;
        int n_left; /* turns that fail */
        int n_pauses;
} failing;

int __wrap_sd_event_run(sd_event *event, uint64_t timeout_usec)
{
        if (failing.n_left > 0) {
                failing.n_left--;
                return failing.error;
        }
        return __real_sd_event_run(event, timeout_usec);
}

/* Pauses take no time here. */
int __wrap_poll(void *fds, unsigned long n_fds, int timeout_msec)
{
        assert_int_equal(n_fds, 0);
        assert_in_range(timeout_msec, 1, 100);
        failing.n_pauses++;
        return 0;
}

/* Fails so many turns again after its first one, then ends with 7. */
static int on_turn(sd_event_source *source, void *userdata)
{
        int *more = userdata;

        if (*more == 0) {
                return sd_event_exit(sd_event_source_get_event(source), 7);
        }
        failing.n_left = *more;
        *more = 0;
        assert_int_equal(sd_event_source_set_enabled(source, SD_EVENT_ONESHOT), 0);
        return 0;
}

/* Returns what event_loop_run() does if n turns fail so, and then as many again. */
static int run(int error, int n)
{
        sd_event *event = NULL;
        sd_event_source *source = NULL;
        int more = n;

        failing.error = error;
        failing.n_left = n;
        failing.n_pauses = 0;
        assert_true(sd_event_new(&event) >= 0);
        assert_true(sd_event_add_defer(event, &source, on_turn, &more) >= 0);
        int r = event_loop_run(event);
        sd_event_source_disable_unref(source);
        sd_event_unref(event);
        return r;
}

static void test_ends_with_its_code(void **state)
{
        assert_int_equal(run(0, 0), 7);
        assert_int_equal(failing.n_pauses, 0);
}

static void test_outlives_a_moment_without_memory(void **state)
{
        assert_int_equal(run(-ENOMEM, 1), 7);
        assert_int_equal(failing.n_pauses, 2);
        /* Each time anew, not in sum. */
        assert_int_equal(run(-ENOMEM, 499), 7);
        assert_int_equal(failing.n_pauses, 998);
}

static void test_does_not_wait_for_ever(void **state)
{
        assert_int_equal(run(-ENOMEM, 501), -ENOMEM);
        assert_int_equal(failing.n_pauses, 500);
}

static void test_other_errors_end_it(void **state)
{
        assert_int_equal(run(-EIO, 1), -EIO);
        assert_int_equal(failing.n_pauses, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ends_with_its_code),
                cmocka_unit_test(test_outlives_a_moment_without_memory),
                cmocka_unit_test(test_does_not_wait_for_ever),
                cmocka_unit_test(test_other_errors_end_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
