/* The forwarder's packets of one answer: their order. */
#include "daemon/base/channel.h"
#include "daemon/forwarder/lane_answer.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define NUMBER 7

struct story {
        int ends[2];
        struct lane_end end;
        struct lane_answer answer;
};

static int set_up(void **state)
{
        struct story *story = calloc(1, sizeof(*story));

        assert_non_null(story);
        assert_int_equal(channel_pair(story->ends), 0);
        story->end.fd = story->ends[1];
        lane_answer_init(&story->answer, &story->end, NUMBER);
        *state = story;
        return 0;
}

static int tear_down(void **state)
{
        struct story *story = *state;

        lane_answer_clear(&story->answer);
        close_fd(&story->ends[0]);
        close_fd(&story->ends[1]);
        free(story);
        return 0;
}

static void respond(struct story *story)
{
        struct lane_response response;

        lane_packet_init(&response, sizeof(response), LANE_RESPONSE, NUMBER);
        response.status = 200;
        response.content_length = -1;
        lane_answer_respond(&story->answer, &response, "");
}

/* The type of the next packet; -EAGAIN: there is none. */
static int next_type(const struct story *story)
{
        union lane_head head;
        char rest[64];
        const struct lane_end other = { .fd = story->ends[0] };

        ssize_t length = lane_end_receive(&other, &head, sizeof(head), rest, sizeof(rest));
        return length < 0 ? (int)length : (int)head.packet.type;
}

static void test_the_body_is_asked_for_before_the_answer(void **state)
{
        struct story *story = *state;

        lane_answer_continue(&story->answer);
        respond(story);
        assert_true(lane_answer_flush(&story->answer));
        assert_int_equal(next_type(story), LANE_CONTINUE);
        assert_int_equal(next_type(story), LANE_RESPONSE);
        assert_int_equal(next_type(story), -EAGAIN);
}

/* A request that is sent again may be answered before it is: CONTINUE would make no sense then. */
static void test_it_is_not_asked_for_behind_the_answer(void **state)
{
        struct story *story = *state;

        respond(story);
        lane_answer_continue(&story->answer);
        assert_true(lane_answer_flush(&story->answer));
        lane_answer_continue(&story->answer);
        lane_answer_last(&story->answer);
        assert_true(lane_answer_flush(&story->answer));
        assert_int_equal(next_type(story), LANE_RESPONSE);
        assert_int_equal(next_type(story), LANE_LAST);
        assert_int_equal(next_type(story), -EAGAIN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_the_body_is_asked_for_before_the_answer, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_it_is_not_asked_for_behind_the_answer, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
