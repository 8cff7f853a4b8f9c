/* Header lines in packets of a lane. */
#include "tests/unit/lane_samples.h"
#include "tests/unit/unit.h"

static void test_lines_in_requests_and_answers(void **state)
{
        static const struct {
                const char *lines;
                bool in_request, in_answer;
        } cases[] = {
                { "", true, true },
                { "X: y\r\n", true, true },
                { "X:\r\nY: \t \r\nZ: a\tb \xe4\r\n", true, true },
                { "Set-Cookie: a:b\r\n", true, true },
                { "Host: x\r\n", false, true },
                { "AUTHORIZATION: x\r\n", false, true },
                { "X: y", false, false },
                { "X: y\n", false, false },
                { "X: y\r", false, false },
                { "X: y\r\n\r\n", false, false },
                { "\r\n", false, false },
                { "X: a\nY: b\r\n", false, false },
                { "X: a\rY: b\r\n", false, false },
                { "X: \x01\r\n", false, false },
                { "X: \x7f\r\n", false, false },
                { " X: y\r\n", false, false },
                { "X : y\r\n", false, false },
                { "X y\r\n", false, false },
                { ": y\r\n", false, false },
                { "X\xe4: y\r\n", false, false },
                { "X: y\r\n z\r\n", false, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(from_frontend(make_request(TARGET, cases[i].lines, TOKEN, BODY)),
                                 cases[i].in_request ? LANE_REQUEST : -EBADMSG);
                assert_int_equal(from_forwarder(make_response(cases[i].lines, "abc")),
                                 cases[i].in_answer ? LANE_RESPONSE : -EBADMSG);
        }
        size_t length = make_response("X: y\r\n", "");
        sample.bytes[sizeof(struct lane_response) + 3] = '\0';
        assert_int_equal(from_forwarder(length), -EBADMSG);
}

static void test_names_that_are_ours(void **state)
{
        static const char *const names[] = { "connection",
                                             "Content-Length",
                                             "Expect",
                                             "Keep-Alive",
                                             "TE",
                                             "Upgrade",
                                             "Proxy-Authenticate",
                                             "Proxy-Authorization",
                                             "Proxy-Connection",
                                             "Trailer",
                                             "Transfer-Encoding" };
        char line[64];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                (void)snprintf(line, sizeof(line), "%s: x\r\n", names[i]);
                assert_int_equal(from_frontend(make_request(TARGET, line, TOKEN, BODY)), -EBADMSG);
                assert_int_equal(from_forwarder(make_response(line, "abc")), -EBADMSG);
        }
}

static void test_lines_are_split(void **state)
{
        static const char text[] = "Name:  a b\t\r\nEmpty:\r\n";
        const char *at = text;
        size_t left = strlen(text);
        struct lane_line line;

        assert_int_equal(lane_line_next(&at, &left, &line), 1);
        assert_memory_equal(line.text, "Name:  a b\t", line.length);
        assert_int_equal(line.name_length, 4);
        assert_int_equal(line.value_length, 3);
        assert_memory_equal(line.value, "a b", 3);
        assert_int_equal(lane_line_next(&at, &left, &line), 1);
        assert_int_equal(line.length, 6);
        assert_int_equal(line.value_length, 0);
        assert_int_equal(lane_line_next(&at, &left, &line), 0);
        assert_int_equal(lane_line_split("", 0, &line), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines_in_requests_and_answers),
                cmocka_unit_test(test_names_that_are_ours),
                cmocka_unit_test(test_lines_are_split),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
