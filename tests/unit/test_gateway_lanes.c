/* The frontend's ends of lanes: whatever the forwarder sends, others have their turn; the test is the
 * forwarder. */
#include "daemon/base/channel.h"
#include "daemon/frontend/gateway/lanes.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MANY    40 /* packets: they have room in a lane */
#define FEW_MAX 8  /* of them in a turn */

static struct story {
        sd_event *event;
        struct poll_set *set;
        struct lanes *lanes;
        struct lane_user user;
        uint64_t number;
        int theirs, ours; /* the forwarder's end, and the number that the frontend's has */
        unsigned n_ready, n_idle, n_dead, n_broken;
} story;

static void on_idle(void *userdata)
{
        story.n_idle++;
}

static void on_dead(uint32_t id, uint64_t serial, bool broken, void *userdata)
{
        assert_int_equal(id, 3);
        assert_int_equal(serial, 7);
        story.n_dead++;
        story.n_broken += broken;
}

static void on_ready(struct lane_user *user)
{
        story.n_ready++;
}

static int set_up(void **state)
{
        const struct lanes_handlers handlers = { on_idle, on_dead, NULL };
        int pair[2];

        story = (struct story){ .user.on_ready = on_ready };
        assert_true(sd_event_new(&story.event) >= 0);
        assert_int_equal(poll_set_new(&story.set, story.event), 0);
        assert_int_equal(lanes_new(&story.lanes, story.set, &handlers), 0);
        assert_int_equal(channel_pair(pair), 0);
        story.theirs = pair[0];
        story.ours = pair[1];
        assert_int_equal(lanes_add(story.lanes, 3, 7, pair[1]), 0);
        return 0;
}

static int tear_down(void **state)
{
        story.lanes = lanes_free(story.lanes);
        story.set = poll_set_free(story.set);
        story.event = sd_event_unref(story.event);
        close_fd(&story.theirs);
        return 0;
}

static void turn(void)
{
        assert_true(sd_event_run(story.event, 0) >= 0);
}

/* Bytes that the frontend has not received yet. */
static size_t waiting(void)
{
        int n = 0;

        assert_int_equal(ioctl(story.ours, FIONREAD, &n), 0);
        return (size_t)n;
}

/* A request is on the lane. */
static void begin(void)
{
        assert_true(lanes_take(story.lanes, &story.user));
        story.number = lane_number(story.user.lane);
        struct lane_packet packet = { .type = LANE_REQUEST, .number = story.number };
        assert_int_equal(lane_send(story.user.lane, &(struct iovec){ &packet, sizeof(packet) }, 1), 0);
}

static void say(int type, uint64_t number)
{
        union {
                union lane_head head;
                char bytes[sizeof(struct lane_data) + 1];
        } packet;
        size_t size = lane_head_size((uint32_t)type);

        lane_packet_init(&packet, sizeof(packet), (enum lane_packet_type)type, number);
        if (type == LANE_RESPONSE) {
                packet.head.response.status = 200;
                packet.head.response.content_length = -1;
        } else if (type == LANE_DATA) {
                packet.head.data.data_length = 1;
                size++;
        }
        if (send(story.theirs, &packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                assert_int_equal(errno, EPIPE); /* it was closed over the packet before */
        }
}

static int receive(void)
{
        const union lane_head *head;
        int type = lane_receive(story.user.lane, &head);

        assert_true(type < 0 || head->packet.number == story.number);
        return type;
}

/* Up to what is not there, or not for now. */
static size_t receive_all(void)
{
        size_t n = 0;
        int type;

        while ((type = receive()) >= 0) {
                n++;
        }
        assert_int_equal(type, -EAGAIN);
        return n;
}

/* ---- order ---- */

/* The packets of one request; 0 ends them. */
struct order {
        int types[5];
};

static void test_what_an_honest_one_says(void **state)
{
        static const struct order orders[] = {
                { { LANE_RESPONSE, LANE_LAST } },
                { { LANE_CONTINUE, LANE_RESPONSE, LANE_DATA, LANE_DATA, LANE_LAST } },
                { { LANE_RESPONSE, LANE_DATA, LANE_FAIL } },
                { { LANE_CONTINUE, LANE_FAIL } },
                { { LANE_FAIL } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                begin();
                for (size_t j = 0; j < 5 && orders[i].types[j]; j++) {
                        say(orders[i].types[j], story.number);
                        turn();
                        assert_int_equal(receive(), orders[i].types[j]);
                }
                assert_int_equal(receive(), -EPIPE); /* it is over */
                lanes_leave(&story.user, /* complete= */ true);
                turn();
        }
        assert_int_equal(story.n_dead, 0);
}

static void must_be_broken(void)
{
        assert_int_equal(story.n_dead, 1);
        assert_int_equal(story.n_broken, 1);
        assert_int_equal(lanes_count(story.lanes), 0);
        lanes_leave(&story.user, /* complete= */ false);
        (void)tear_down(NULL);
        (void)set_up(NULL);
}

static void test_what_is_not_its_turn(void **state)
{
        static const struct order orders[] = {
                { { LANE_CONTINUE, LANE_CONTINUE } },
                { { LANE_RESPONSE, LANE_CONTINUE } },
                { { LANE_RESPONSE, LANE_RESPONSE } },
                { { LANE_RESPONSE, LANE_DATA, LANE_RESPONSE } },
                { { LANE_DATA } },
                { { LANE_LAST } },
                { { LANE_CONTINUE, LANE_DATA } },
                { { LANE_CONTINUE, LANE_LAST } },
        };

        for (size_t i = 0; i < 2 * ARRAY_SIZE(orders); i++) {
                const struct order *order = &orders[i / 2];

                begin();
                for (size_t j = 0; j < 5 && order->types[j]; j++) {
                        say(order->types[j], story.number);
                }
                if (i % 2) {
                        lanes_leave(&story.user, /* complete= */ false); /* it is no better then */
                }
                turn();
                while (story.user.lane && receive() >= 0) {
                }
                must_be_broken();
        }
}

static void test_another_number(void **state)
{
        static const int types[] = { LANE_CONTINUE, LANE_RESPONSE, LANE_DATA, LANE_LAST, LANE_FAIL };

        for (size_t i = 0; i < 2 * ARRAY_SIZE(types); i++) {
                begin();
                say(LANE_FAIL, story.number);
                turn();
                assert_int_equal(receive(), LANE_FAIL);
                lanes_leave(&story.user, /* complete= */ false);
                begin();
                say(types[i / 2], i % 2 ? story.number - 1 : story.number + 1);
                turn();
                assert_int_equal(receive(), -EPIPE);
                must_be_broken();
        }
}

static void test_a_word_when_there_is_nothing_to_be_said(void **state)
{
        say(LANE_FAIL, 1);
        turn();
        must_be_broken();
}

static void test_an_end_is_no_nonsense(void **state)
{
        close_fd(&story.theirs);
        turn();
        assert_int_equal(story.n_dead, 1);
        assert_int_equal(story.n_broken, 0);
}

/* ---- turns ---- */

static void test_a_few_packets_after_each_news(void **state)
{
        size_t n = 0, n_turns = 0;

        begin();
        say(LANE_RESPONSE, story.number);
        for (size_t i = 0; i < MANY; i++) {
                say(LANE_DATA, story.number);
        }
        while (n < MANY + 1) {
                unsigned n_ready = story.n_ready;
                turn();
                assert_int_equal(story.n_ready, n_ready + 1); /* there is no more news than this */
                size_t received = receive_all();
                assert_in_range(received, 1, FEW_MAX);
                n += received;
                n_turns++;
        }
        assert_true(n_turns > 2);
        assert_int_equal(n, MANY + 1);
        turn();
        assert_int_equal(receive(), -EAGAIN);
        say(LANE_LAST, story.number);
        turn();
        assert_int_equal(receive(), LANE_LAST);
}

/* It may be slow to see that it is to end, and is not cut off for that. */
static void test_the_rest_of_one_that_was_left(void **state)
{
        size_t before;

        begin();
        say(LANE_RESPONSE, story.number);
        lanes_leave(&story.user, /* complete= */ false);
        for (size_t i = 0; i < 5; i++) {
                for (size_t j = 0; j < MANY; j++) {
                        say(LANE_DATA, story.number);
                }
                while ((before = waiting()) > 0) {
                        turn();
                        assert_true(waiting() < before);
                        assert_true(before - waiting() <= 2 * FEW_MAX * (sizeof(struct lane_data) + 1));
                }
        }
        unsigned n_idle = story.n_idle;
        assert_false(lanes_take(story.lanes, &story.user));
        say(LANE_FAIL, story.number);
        turn();
        turn();
        assert_int_equal(story.n_idle, n_idle + 1);
        assert_int_equal(story.n_dead, 0);
        begin();
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                WITH(test_what_an_honest_one_says),
                WITH(test_what_is_not_its_turn),
                WITH(test_another_number),
                WITH(test_a_word_when_there_is_nothing_to_be_said),
                WITH(test_an_end_is_no_nonsense),
                WITH(test_a_few_packets_after_each_news),
                WITH(test_the_rest_of_one_that_was_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
