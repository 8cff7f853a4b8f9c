/* The end of idle connections on unix sockets: requests that their clients send in its most delicate moments
 * are answered. Linked with --wrap=shutdown, to send just then, and --wrap=deadlines_init, so that the test
 * says when deadlines are looked at, and what time it is then. */
#include "daemon/base/clock.h"
#include "daemon/base/deadlines.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/http_server.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

typedef uint64_t deadlines_look(uint64_t now_usec, void *userdata);

int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how);
int __real_deadlines_init(struct deadlines *deadlines, sd_event *event, deadlines_look *look,
                          void *userdata);
int __wrap_deadlines_init(struct deadlines *deadlines, sd_event *event, deadlines_look *look,
                          void *userdata);

static struct world {
        sd_event *event;
        struct http_server *server;
        deadlines_look *look;
        void *look_userdata;
        int client;
        bool sends_late; /* when its connection was found idle, and is about to be ended */
} world;

int __wrap_deadlines_init(struct deadlines *deadlines, sd_event *event, deadlines_look *look, void *userdata)
{
        world.look = look;
        world.look_userdata = userdata;
        return __real_deadlines_init(deadlines, event, look, userdata);
}

static void send_request(void)
{
        assert_int_equal(send(world.client, REQUEST, strlen(REQUEST), MSG_NOSIGNAL), strlen(REQUEST));
}

int __wrap_shutdown(int fd, int how)
{
        if (world.sends_late) {
                world.sends_late = false;
                send_request();
        }
        return __real_shutdown(fd, how);
}

static void look_at_deadlines(uint64_t now_usec)
{
        (void)world.look(now_usec, world.look_userdata);
}

/* Works until there is an answer or an end, and returns the answer, empty if there is none. */
static const char *receive(void)
{
        static char answer[1024];
        ssize_t n = -1;

        while ((n = recv(world.client, answer, sizeof(answer) - 1, 0)) < 0 && errno == EAGAIN) {
                assert_true(sd_event_run(world.event, UINT64_MAX) >= 0);
        }
        answer[MAX_OF(n, 0)] = '\0';
        return answer;
}

static void assert_answered(void)
{
        assert_non_null(strstr(receive(), "HTTP/1.1 200 OK\r\n"));
}

static void on_request(struct request *request, uint64_t now_usec, void *userdata)
{
        request_answer(request, 200, answer_text("hello", 5, "text/plain"));
}

/* A client whose connection is kept after its first answer. */
static int set_up(void **state)
{
        const struct http_limits limits = { 64, 64 };
        const struct http_handler handler = { .on_request = on_request };
        const struct listen_place place = { .tcp = false };
        struct peer peer = { .known = true, .uid = getuid() };
        int ends[2];

        world = (struct world){ 0 };
        assert_true(sd_event_new(&world.event) >= 0);
        assert_int_equal(http_server_new(&world.server, world.event, &limits, &handler), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        world.client = ends[1];
        http_server_add(world.server, ends[0], &peer, &place);
        send_request();
        assert_answered();
        return 0;
}

static int tear_down(void **state)
{
        (void)close(world.client);
        world.server = http_server_free(world.server);
        world.event = sd_event_unref(world.event);
        return 0;
}

static void test_an_idle_connection_ends(void **state)
{
        look_at_deadlines(clock_now_usec() + 31 * USEC_PER_SEC);
        assert_string_equal(receive(), "");
        assert_int_equal(http_server_connections(world.server), 0);
}

static void test_a_request_between_the_look_and_the_end_is_answered(void **state)
{
        world.sends_late = true;
        look_at_deadlines(clock_now_usec() + 31 * USEC_PER_SEC);
        assert_false(world.sends_late);
        assert_answered();
        assert_string_equal(receive(), "");
        assert_int_equal(http_server_connections(world.server), 0);
}

/* The next look comes before libmicrohttpd's next turn, and later than the second that it is given. */
static void test_a_request_in_time_is_read_after_a_stall(void **state)
{
        uint64_t now_usec = clock_now_usec() + 31 * USEC_PER_SEC;

        send_request();
        look_at_deadlines(now_usec);
        look_at_deadlines(now_usec + 2 * USEC_PER_SEC);
        assert_answered();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_an_idle_connection_ends, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_request_between_the_look_and_the_end_is_answered,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_request_in_time_is_read_after_a_stall, set_up,
                                                tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
