/* Lanes: both ends get one end of each pair, and the frontend's word on a dead one counts for that pair. The
 * two processes are of the test's own. */
#include "daemon/keeper/lane_pairs.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* One of the two: its messages. */
struct child_process {
        bool there, takes_none; /* no lane can be sent to it */
        unsigned n;             /* lanes that came */
        uint64_t serials[MESSAGE_LANES_MAX];
        int fds[MESSAGE_LANES_MAX];
};

static sd_event *event;
static struct child_process frontend, forwarder;
static struct lane_pairs lanes;
static bool short_of_descriptors;

bool child_process_is_there(const struct child_process *process)
{
        return process->there;
}

int child_process_try(struct child_process *process, const void *message, size_t length, int fd)
{
        const struct message_lane *lane = message;

        if (process->takes_none) {
                return -ETOOMANYREFS;
        }
        assert_int_equal(length, sizeof(*lane));
        assert_int_equal(lane->type, MESSAGE_LANE);
        assert_in_range(lane->id, 0, MESSAGE_LANES_MAX - 1);
        if (process->fds[lane->id] >= 0) {
                (void)close(process->fds[lane->id]);
        }
        process->fds[lane->id] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        process->serials[lane->id] = lane->serial;
        process->n++;
        return 0;
}

int __real_socketpair(int family, int type, int protocol, int pair[2]);
int __wrap_socketpair(int family, int type, int protocol, int pair[2]);
int __wrap_socketpair(int family, int type, int protocol, int pair[2])
{
        if (short_of_descriptors) {
                errno = EMFILE;
                return -1;
        }
        return __real_socketpair(family, type, protocol, pair);
}

static int set_up(void **state)
{
        frontend = forwarder = (struct child_process){ .there = true };
        for (size_t i = 0; i < MESSAGE_LANES_MAX; i++) {
                frontend.fds[i] = forwarder.fds[i] = -1;
        }
        short_of_descriptors = false;
        memset(&lanes, 0, sizeof(lanes));
        assert_true(sd_event_new(&event) >= 0);
        assert_true(lane_pairs_init(&lanes, event, &frontend, &forwarder) >= 0);
        return 0;
}

static int tear_down(void **state)
{
        for (size_t i = 0; i < MESSAGE_LANES_MAX; i++) {
                close_fd(&frontend.fds[i]);
                close_fd(&forwarder.fds[i]);
        }
        lane_pairs_clear(&lanes);
        event = sd_event_unref(event);
        return 0;
}

static void run_for(uint64_t usec)
{
        uint64_t now_usec, until_usec;

        assert_true(sd_event_now(event, CLOCK_MONOTONIC, &now_usec) >= 0);
        until_usec = now_usec + usec;
        while (now_usec < until_usec) {
                assert_true(sd_event_run(event, until_usec - now_usec) >= 0);
                assert_true(sd_event_now(event, CLOCK_MONOTONIC, &now_usec) >= 0);
        }
}

static void must_be_joined(uint32_t id)
{
        char word[8];

        assert_int_equal(send(frontend.fds[id], "word", 4, MSG_DONTWAIT | MSG_NOSIGNAL), 4);
        assert_int_equal(recv(forwarder.fds[id], word, sizeof(word), MSG_DONTWAIT), 4);
        assert_int_equal(frontend.serials[id], forwarder.serials[id]);
}

static void test_each_gets_one_end(void **state)
{
        lane_pairs_make(&lanes);
        lane_pairs_make(&lanes); /* they are there */
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX);
        assert_int_equal(forwarder.n, MESSAGE_LANES_MAX);
        for (uint32_t id = 0; id < MESSAGE_LANES_MAX; id++) {
                int size = 0;
                socklen_t length = sizeof(size);

                must_be_joined(id);
                assert_int_equal(getsockopt(frontend.fds[id], SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
                assert_true(size >= LANE_PACKET_MAX);
        }
}

static void test_both_have_to_be_there(void **state)
{
        forwarder.there = false;
        lane_pairs_make(&lanes);
        assert_int_equal(frontend.n + forwarder.n, 0);
        forwarder.there = true;
        lane_pairs_make(&lanes);
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX);
        lane_pairs_forget(&lanes); /* one is new */
        lane_pairs_make(&lanes);
        assert_int_equal(frontend.n, 2 * MESSAGE_LANES_MAX);
        must_be_joined(7);
}

static void test_a_dead_one_is_made_anew_alone(void **state)
{
        lane_pairs_make(&lanes);
        uint64_t dead = frontend.serials[7], other = frontend.serials[8];
        assert_true(lane_pairs_is_latest(&lanes, 7, dead));
        assert_false(lane_pairs_is_latest(&lanes, 7, other));
        lane_pairs_dead(&lanes, 7, dead);
        assert_false(lane_pairs_is_latest(&lanes, 7, dead)); /* nobody is to blame for it any more */
        run_for(300 * USEC_PER_MSEC);
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX + 1);
        assert_true(frontend.serials[7] > dead && frontend.serials[8] == other);
        must_be_joined(7);
        lane_pairs_dead(&lanes, 7, dead); /* an old word, on its way for long */
        run_for(300 * USEC_PER_MSEC);
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX + 1);
}

static void test_an_old_word_does_not_end_new_lanes(void **state)
{
        uint64_t old[MESSAGE_LANES_MAX];

        lane_pairs_make(&lanes);
        memcpy(old, frontend.serials, sizeof(old));
        lane_pairs_forget(&lanes);
        lane_pairs_make(&lanes);
        for (uint32_t id = 0; id < MESSAGE_LANES_MAX; id++) {
                lane_pairs_dead(&lanes, id, old[id]);
        }
        run_for(300 * USEC_PER_MSEC);
        assert_int_equal(frontend.n, 2 * MESSAGE_LANES_MAX);
}

static void test_a_frontend_that_calls_all_dead_all_the_time(void **state)
{
        uint64_t now_usec, until_usec;

        lane_pairs_make(&lanes);
        assert_true(sd_event_now(event, CLOCK_MONOTONIC, &now_usec) >= 0);
        for (until_usec = now_usec + 500 * USEC_PER_MSEC; now_usec < until_usec;) {
                for (uint32_t id = 0; id < MESSAGE_LANES_MAX; id++) {
                        lane_pairs_dead(&lanes, id, frontend.serials[id]);
                }
                assert_true(sd_event_run(event, USEC_PER_MSEC) >= 0);
                assert_true(sd_event_now(event, CLOCK_MONOTONIC, &now_usec) >= 0);
        }
        assert_true(frontend.n >= 2 * MESSAGE_LANES_MAX);
        assert_true(frontend.n <= 7 * MESSAGE_LANES_MAX);
}

static void test_nothing_is_made_while_there_is_no_other_end(void **state)
{
        lane_pairs_make(&lanes);
        lane_pairs_dead(&lanes, 3, frontend.serials[3]);
        lane_pairs_forget(&lanes);
        run_for(300 * USEC_PER_MSEC);
        lane_pairs_dead(&lanes, 3, frontend.serials[3]);
        run_for(300 * USEC_PER_MSEC);
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX);
}

static void test_a_shortage_passes(void **state)
{
        short_of_descriptors = true;
        lane_pairs_make(&lanes);
        assert_int_equal(frontend.n + forwarder.n, 0);
        short_of_descriptors = false;
        run_for(1500 * USEC_PER_MSEC);
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX);
        must_be_joined(63);
}

static void test_lanes_that_cannot_be_sent_come_later(void **state)
{
        frontend.takes_none = true;
        lane_pairs_make(&lanes);
        assert_int_equal(frontend.n, 0);
        frontend.takes_none = false;
        run_for(1500 * USEC_PER_MSEC);
        assert_int_equal(frontend.n, MESSAGE_LANES_MAX);
        must_be_joined(0);
        must_be_joined(63);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                WITH(test_each_gets_one_end),
                WITH(test_both_have_to_be_there),
                WITH(test_a_dead_one_is_made_anew_alone),
                WITH(test_an_old_word_does_not_end_new_lanes),
                WITH(test_a_frontend_that_calls_all_dead_all_the_time),
                WITH(test_nothing_is_made_while_there_is_no_other_end),
                WITH(test_a_shortage_passes),
                WITH(test_lanes_that_cannot_be_sent_come_later),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
