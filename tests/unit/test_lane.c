/* Packets of a lane: sound ones are believed, by the other end; those with one thing that is not are not. */
#include "tests/unit/lane_samples.h"
#include "tests/unit/unit.h"

/* ---- whole packets ---- */

static void test_every_type_is_taken_by_one_end(void **state)
{
        for (uint32_t type = LANE_REQUEST; type < _LANE_PACKET_TYPE_COUNT; type++) {
                size_t length = make(type);
                assert_int_equal(from_frontend(length), type < LANE_CONTINUE ? (int)type : -EBADMSG);
                assert_int_equal(from_forwarder(length),
                                 type >= LANE_CONTINUE || type == LANE_DATA ? (int)type : -EBADMSG);
                assert_true(lane_head_size(type) <= length);
        }
        assert_int_equal(lane_head_size(0) + lane_head_size(_LANE_PACKET_TYPE_COUNT), 0);
}

static void test_every_other_length_is_refused(void **state)
{
        for (uint32_t type = LANE_REQUEST; type < _LANE_PACKET_TYPE_COUNT; type++) {
                size_t length = make(type);
                for (size_t other = 0; other < length + 40; other++) {
                        if (other != length) {
                                assert_int_equal(from_frontend(other), -EBADMSG);
                                assert_int_equal(from_forwarder(other), -EBADMSG);
                        }
                }
                assert_int_equal(from_frontend(sizeof(sample)), -EBADMSG);
                assert_int_equal(from_forwarder(sizeof(sample)), -EBADMSG);
        }
}

static void test_heads_that_make_no_sense(void **state)
{
        for (uint32_t type = LANE_REQUEST; type < _LANE_PACKET_TYPE_COUNT; type++) {
                size_t length = make(type);
                sample.head.packet.zero = 1;
                assert_int_equal(MAX_OF(from_frontend(length), from_forwarder(length)), -EBADMSG);
                length = make(type);
                sample.head.packet.number = 0;
                assert_int_equal(MAX_OF(from_frontend(length), from_forwarder(length)), -EBADMSG);
                length = make(type);
                sample.head.packet.type = type + 256;
                assert_int_equal(MAX_OF(from_frontend(length), from_forwarder(length)), -EBADMSG);
        }
}

/* A bool is read as a byte, and any but 0 and 1 is none. */
static void test_flags_are_0_or_1(void **state)
{
        struct {
                enum lane_packet_type type;
                bool *flag;
        } const flags[] = {
                { LANE_REQUEST, &sample.head.request.has_body },
                { LANE_REQUEST, &sample.head.request.whole },
                { LANE_REQUEST, &sample.head.request.expect },
                { LANE_DATA, &sample.head.data.last },
                { LANE_RESPONSE, &sample.head.response.last },
                { LANE_RESPONSE, &sample.head.response.until_close },
                { LANE_FAIL, &sample.head.failure.sent },
                { LANE_RESPONSE, &sample.head.response.drop_body },
        };

        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                size_t length = make(flags[i].type);
                *(unsigned char *)flags[i].flag = 2;
                assert_int_equal(MAX_OF(from_frontend(length), from_forwarder(length)), -EBADMSG);
        }
}

/* ---- requests ---- */

static void test_lengths_that_do_not_add_up(void **state)
{
        static const uint32_t others[] = { 0, 1, LANE_PACKET_MAX, UINT32_MAX, 1U << 31 };
        struct lane_request *request = &sample.head.request;
        uint32_t *const lengths[] = { &request->target_length, &request->headers_length,
                                      &request->token_length, &request->data_length };

        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
                for (size_t j = 0; j < ARRAY_SIZE(others); j++) {
                        size_t length = make(LANE_REQUEST);
                        *lengths[i] = others[j];
                        assert_int_equal(from_frontend(length), -EBADMSG);
                }
                /* Two that are wrong, and add up to what is right. */
                for (size_t j = 0; j < i; j++) {
                        size_t length = make(LANE_REQUEST);
                        *lengths[i] += 1U << 31;
                        *lengths[j] += 1U << 31;
                        assert_int_equal(from_frontend(length), -EBADMSG);
                }
        }
}

static void test_bodies_and_what_is_told_of_them(void **state)
{
        static const struct {
                bool has_body, whole, expect;
                int64_t length;
                const char *data;
                bool sound;
        } cases[] = {
                { false, true, false, 0, "", true },          { true, true, false, 0, "", true },
                { true, true, false, 3, "abc", true },        { true, false, false, 3, "", true },
                { true, false, true, -1, "", true },          { true, false, true, INT64_MAX, "", true },
                { false, false, false, 0, "", false },        { false, true, false, 3, "abc", false },
                { false, true, false, 0, "abc", false },      { false, true, true, 0, "", false },
                { true, true, false, 4, "abc", false },       { true, true, false, -1, "abc", false },
                { true, true, true, 3, "abc", false },        { true, false, false, 0, "", false },
                { true, false, false, -2, "", false },        { true, false, false, 3, "abc", false },
                { true, false, false, INT64_MIN, "", false },
        };
        struct lane_request *request = &sample.head.request;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t length = make_request(TARGET, HEADERS, TOKEN, cases[i].data);
                request->has_body = cases[i].has_body;
                request->whole = cases[i].whole;
                request->expect = cases[i].expect;
                request->body_length = cases[i].length;
                assert_int_equal(from_frontend(length), cases[i].sound ? LANE_REQUEST : -EBADMSG);
        }
}

static void test_methods(void **state)
{
        static const char *const sound[] = { "GET", "M-SEARCH", "x", "PATCH", "trace" };
        static const char *const others[] = {
                "", "CONNECT", "TRACE", "G T", "GET\r", "G\xe4T", "G:", "HEAD"
        };

        for (size_t i = 0; i < ARRAY_SIZE(sound); i++) {
                size_t length = make(LANE_REQUEST);
                (void)snprintf(sample.head.request.method, sizeof(sample.head.request.method), "%s",
                               sound[i]);
                assert_int_equal(from_frontend(length), LANE_REQUEST);
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                size_t length = make(LANE_REQUEST); /* with a body, which HEAD has not */
                (void)snprintf(sample.head.request.method, sizeof(sample.head.request.method), "%s",
                               others[i]);
                assert_int_equal(from_frontend(length), -EBADMSG);
        }
        size_t length = make(LANE_REQUEST);
        memset(sample.head.request.method, 'X', sizeof(sample.head.request.method));
        assert_int_equal(from_frontend(length), -EBADMSG);
        length = make(LANE_REQUEST);
        memset(sample.head.request.environment, 'x', sizeof(sample.head.request.environment));
        assert_int_equal(from_frontend(length), -EBADMSG);
}

static void test_targets_and_tokens(void **state)
{
        static const char *const others[] = { "x",     " /x",       "/x ", "/\t", "/\r\n",
                                              "/\x7f", "/\xc3\xa4", "/#",  "" };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_int_equal(from_frontend(make_request(others[i], HEADERS, TOKEN, BODY)), -EBADMSG);
        }
        assert_int_equal(from_frontend(make_request("/", "", "", "")), LANE_REQUEST);
        assert_int_equal(from_frontend(make_request("/", "", "a b", "")), -EBADMSG);
        assert_int_equal(from_frontend(make_request("/", "", "a\r\nX: y", "")), -EBADMSG);
}

/* ---- answers ---- */

static void test_forms_of_an_answer(void **state)
{
        struct lane_response *response = &sample.head.response;
        static const uint32_t others[] = { 0, 100, 199, 600, UINT32_MAX };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                size_t length = make(LANE_RESPONSE);
                response->status = others[i];
                assert_int_equal(from_forwarder(length), -EBADMSG);
        }
        size_t length = make(LANE_RESPONSE);
        response->content_length = -2;
        assert_int_equal(from_forwarder(length), -EBADMSG);
        response->content_length = -1;
        response->until_close = true;
        assert_int_equal(from_forwarder(length), LANE_RESPONSE);
        response->content_length = 0;
        assert_int_equal(from_forwarder(length), -EBADMSG);
}

static void test_data(void **state)
{
        struct lane_data *data = &sample.head.data;

        assert_int_equal(from_frontend(make_data("", true)), LANE_DATA);
        assert_int_equal(from_frontend(make_data("", false)), -EBADMSG);
        (void)make_data("abc", false);
        assert_int_equal(lane_check_data(data, 3), 0);
        assert_int_equal(lane_check_data(data, 2), -EBADMSG);
        data->data_length = LANE_DATA_MAX;
        assert_int_equal(from_frontend(sizeof(*data) + LANE_DATA_MAX), LANE_DATA);
        data->data_length++;
        assert_int_equal(from_frontend(sizeof(*data) + LANE_DATA_MAX + 1), -EBADMSG);
        data->data_length = LANE_PIECE_MAX;
        assert_int_equal(from_forwarder(sizeof(*data) + LANE_PIECE_MAX), LANE_DATA);
        data->data_length++;
        assert_int_equal(from_forwarder(sizeof(*data) + LANE_PIECE_MAX + 1), -EBADMSG);
        (void)make(LANE_END);
        assert_int_equal(lane_check_data(data, 0), -EBADMSG);
}

static void test_failures(void **state)
{
        struct lane_failure *failure = &sample.head.failure;
        char text[2 * LANE_WHY_MAX];

        for (int fail = 0; fail < _LANE_FAIL_COUNT; fail++) {
                lane_failure_init(failure, 7, (enum lane_fail)fail, false, NULL);
                assert_int_equal(from_forwarder(sizeof(*failure)), LANE_FAIL);
        }
        failure->fail = _LANE_FAIL_COUNT;
        assert_int_equal(from_forwarder(sizeof(*failure)), -EBADMSG);
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        memcpy(text, "a\n\xe4\x7f", 4);
        lane_failure_init(failure, 7, LANE_FAIL_LOST, true, text);
        assert_int_equal(from_forwarder(sizeof(*failure)), LANE_FAIL);
        assert_memory_equal(failure->why, "a???x", 5);
        failure->why[1] = '\n';
        assert_int_equal(from_forwarder(sizeof(*failure)), -EBADMSG);
        memset(failure->why, 'x', sizeof(failure->why));
        assert_int_equal(from_forwarder(sizeof(*failure)), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_type_is_taken_by_one_end),
                cmocka_unit_test(test_every_other_length_is_refused),
                cmocka_unit_test(test_heads_that_make_no_sense),
                cmocka_unit_test(test_flags_are_0_or_1),
                cmocka_unit_test(test_lengths_that_do_not_add_up),
                cmocka_unit_test(test_bodies_and_what_is_told_of_them),
                cmocka_unit_test(test_methods),
                cmocka_unit_test(test_targets_and_tokens),
                cmocka_unit_test(test_forms_of_an_answer),
                cmocka_unit_test(test_data),
                cmocka_unit_test(test_failures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
