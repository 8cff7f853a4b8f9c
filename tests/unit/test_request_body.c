/* A body that comes over a lane: every byte once, into buffers of any size; and what is none. */
#include "daemon/base/channel.h"
#include "daemon/forwarder/request_body.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define NUMBER 7

struct story {
        int ends[2];
        struct lane_end end;
        struct request_body body;
};

static int set_up(void **state)
{
        struct story *story = calloc(1, sizeof(*story));

        assert_non_null(story);
        assert_int_equal(channel_pair(story->ends), 0);
        story->end.fd = story->ends[1];
        *state = story;
        return 0;
}

static int tear_down(void **state)
{
        struct story *story = *state;

        request_body_clear(&story->body);
        close_fd(&story->ends[0]);
        close_fd(&story->ends[1]);
        free(story);
        return 0;
}

static void begin(struct story *story, int64_t length)
{
        const struct lane_request request = { .has_body = true, .body_length = length };

        request_body_clear(&story->body);
        request_body_init(&story->body, &request);
        assert_true(request_body_has_lane(&story->body));
}

static void send_data(const struct story *story, uint64_t number, const void *bytes, size_t length,
                      bool last)
{
        struct lane_data data;
        const struct lane_end other = { .fd = story->ends[0] };

        lane_packet_init(&data, sizeof(data), LANE_DATA, number);
        data.data_length = (uint32_t)length;
        data.last = last;
        const struct iovec parts[] = { { &data, sizeof(data) }, { (void *)bytes, length } };
        assert_int_equal(lane_end_send(&other, parts, ARRAY_SIZE(parts)), 1);
}

static void send_plain(const struct story *story, enum lane_packet_type type, uint64_t number)
{
        struct lane_packet packet;
        const struct lane_end other = { .fd = story->ends[0] };

        lane_packet_init(&packet, sizeof(packet), type, number);
        assert_int_equal(lane_end_send(&other, &(struct iovec){ &packet, sizeof(packet) }, 1), 1);
}

static ssize_t receive(struct story *story, void *buffer, size_t size)
{
        return request_body_receive(&story->body, &story->end, NUMBER, buffer, size);
}

static void test_every_byte_once_whatever_the_buffer(void **state)
{
        static const size_t sizes[] = { 1, 7, 1000, LANE_DATA_MAX - 1, LANE_DATA_MAX, 3 * LANE_DATA_MAX };
        static unsigned char sent[3 * LANE_DATA_MAX], got[3 * LANE_DATA_MAX];
        struct story *story = *state;

        for (size_t i = 0; i < sizeof(sent); i++) {
                sent[i] = (unsigned char)(i * 7 + i / 251);
        }
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                size_t n = 0;
                ssize_t r;

                begin(story, i % 2 ? -1 : (int64_t)sizeof(sent));
                assert_int_equal(receive(story, got, sizes[i]), -EAGAIN);
                for (size_t at = 0; at < sizeof(sent); at += LANE_DATA_MAX) {
                        send_data(story, NUMBER, sent + at, LANE_DATA_MAX,
                                  at + LANE_DATA_MAX == sizeof(sent));
                }
                memset(got, 0, sizeof(got));
                while ((r = receive(story, got + n, MIN_OF(sizes[i], sizeof(got) - n))) > 0) {
                        n += (size_t)r;
                }
                assert_int_equal(r, 0);
                assert_int_equal(n, sizeof(sent));
                assert_memory_equal(got, sent, sizeof(sent));
                assert_false(request_body_has_lane(&story->body));
        }
}

static void test_packets_that_are_there_come_together(void **state)
{
        static char buffer[2 * LANE_DATA_MAX + 2];
        struct story *story = *state;

        begin(story, -1);
        for (int i = 0; i < 4; i++) {
                send_data(story, NUMBER, "abc", 3, false);
        }
        assert_int_equal(receive(story, buffer, LANE_DATA_MAX), 3); /* there is room for one */
        assert_int_equal(receive(story, buffer, LANE_DATA_MAX + 3), 6);
        assert_memory_equal(buffer, "abcabc", 6);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 3);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), -EAGAIN);

        send_data(story, NUMBER, "abc", 3, false);
        send_data(story, NUMBER, "def", 3, true);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 6);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 0);

        begin(story, -1);
        send_data(story, NUMBER, "abc", 3, false);
        send_plain(story, LANE_ABORT, NUMBER); /* it does not wait for libcurl to come back */
        assert_int_equal(receive(story, buffer, sizeof(buffer)), -ECANCELED);
}

static void test_other_packets_that_may_come(void **state)
{
        struct story *story = *state;
        char buffer[LANE_DATA_MAX];

        begin(story, -1);
        send_data(story, NUMBER - 1, "old", 3, false);
        send_plain(story, LANE_END, NUMBER - 1);
        send_plain(story, LANE_ABORT, NUMBER - 1);
        send_data(story, NUMBER, "abc", 3, false);
        send_plain(story, LANE_END, NUMBER);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 3);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 0);

        begin(story, 3);
        send_plain(story, LANE_ABORT, NUMBER);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), -ECANCELED);
}

/* However small they are, or if they are of a request that is over: the others have their turn. */
static void test_a_few_packets_at_a_time(void **state)
{
        static const size_t sizes[] = { LANE_DATA_MAX - 1, 3 * LANE_DATA_MAX };
        static char buffer[3 * LANE_DATA_MAX];
        struct story *story = *state;

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                begin(story, -1);
                for (int j = 0; j < 50; j++) {
                        send_plain(story, LANE_END, NUMBER - 1);
                }
                send_data(story, NUMBER, "abc", 3, false);
                assert_int_equal(receive(story, buffer, sizes[i]), -EAGAIN);
                assert_int_equal(receive(story, buffer, sizes[i]), 3);
                assert_int_equal(receive(story, buffer, sizes[i]), -EAGAIN);
        }
        for (int j = 0; j < 50; j++) {
                send_data(story, NUMBER, "a", 1, j == 49);
        }
        ssize_t n = receive(story, buffer, sizeof(buffer));
        assert_in_range(n, 1, 40);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 50 - n);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 0);
}

static void test_nonsense(void **state)
{
        struct story *story = *state;
        char buffer[LANE_DATA_MAX];

        for (int i = 0; i < 7; i++) {
                begin(story, 3);
                switch (i) {
                case 0: /* too much */
                        send_data(story, NUMBER, "abcd", 4, false);
                        break;
                case 1: /* too little */
                        send_data(story, NUMBER, "ab", 2, true);
                        break;
                case 2:
                        send_plain(story, LANE_END, NUMBER);
                        break;
                case 3: /* of a request that was never begun */
                        send_data(story, NUMBER + 1, "abc", 3, true);
                        break;
                case 4:
                        send_plain(story, LANE_LAST, NUMBER);
                        break;
                case 5: /* nothing, and not the end */
                        send_data(story, NUMBER, "", 0, false);
                        break;
                default: /* nobody there */
                        close_fd(&story->ends[0]);
                        break;
                }
                assert_int_equal(receive(story, buffer, sizeof(buffer)), -EBADMSG);
        }
}

static void test_late_packets(void **state)
{
        struct lane_packet end = { .type = LANE_END, .number = NUMBER };
        const struct lane_packet data = { .type = LANE_DATA, .number = NUMBER };
        struct story *story = *state;
        char buffer[LANE_DATA_MAX];

        begin(story, 3);
        send_data(story, NUMBER, "abc", 3, false);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 3);
        assert_false(request_body_has_lane(&story->body));
        assert_false(request_body_late(&story->body, &data));
        assert_true(request_body_late(&story->body, &end));
        assert_false(request_body_late(&story->body, &end));
        story->body.dropped = true;
        assert_true(request_body_late(&story->body, &data));
}

static void test_an_abort_is_found_behind_data(void **state)
{
        struct story *story = *state;
        char buffer[LANE_DATA_MAX];

        begin(story, -1);
        assert_false(lane_end_find_abort(&story->end, NUMBER));
        send_data(story, NUMBER, "abc", 3, false);
        send_data(story, NUMBER, "defg", 4, false);
        send_plain(story, LANE_ABORT, NUMBER - 1);
        assert_false(lane_end_find_abort(&story->end, NUMBER));
        send_plain(story, LANE_ABORT, NUMBER);
        assert_true(lane_end_find_abort(&story->end, NUMBER));
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 3);
        assert_memory_equal(buffer, "abc", 3);
        assert_true(lane_end_find_abort(&story->end, NUMBER));
        assert_int_equal(receive(story, buffer, sizeof(buffer)), 4);
        assert_int_equal(receive(story, buffer, sizeof(buffer)), -ECANCELED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_every_byte_once_whatever_the_buffer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_packets_that_are_there_come_together, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_other_packets_that_may_come, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_few_packets_at_a_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_late_packets, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_an_abort_is_found_behind_data, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
