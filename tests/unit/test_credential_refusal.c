/* Units that ask while there is no frontend to answer: each is let in and let go, and the keeper waits for
 * none of them. */
#include "daemon/keeper/credential_refusal.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PATIENCE_SEC 60 /* for a loop that waits in a call */

static sd_event *event;
static struct credential_refusal refusal;
static int listener;
static struct sockaddr_un place;
static socklen_t place_length;

static int set_up(void **state)
{
        place_length = sizeof(place.sun_family);
        place.sun_family = AF_UNIX;
        memset(&refusal, 0, sizeof(refusal));
        assert_true(sd_event_new(&event) >= 0);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(listener, (const struct sockaddr *)&place, place_length), 0); /* to any name */
        place_length = sizeof(place);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&place, &place_length), 0);
        assert_int_equal(listen(listener, 8), 0);
        credential_refusal_init(&refusal, event);
        return 0;
}

static int tear_down(void **state)
{
        credential_refusal_set(&refusal, -1);
        close_fd(&listener);
        event = sd_event_unref(event);
        return 0;
}

static int ask(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *)&place, place_length), 0);
        return fd;
}

static void turn(void)
{
        (void)alarm(PATIENCE_SEC);
        while (sd_event_run(event, 0) > 0) {
        }
        (void)alarm(0);
}

static void must_be_let_go(int fd)
{
        char byte;

        assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
        close_fd(&fd);
}

static void test_they_are_let_go_with_nothing(void **state)
{
        int first = ask(), second = ask();

        credential_refusal_set(&refusal, listener);
        turn();
        must_be_let_go(first);
        must_be_let_go(second);
        int third = ask();
        turn();
        must_be_let_go(third);
}

/* The flags of the socket are those of every frontend that had it. */
static void test_a_socket_that_was_left_waiting_does_not_hold_the_loop(void **state)
{
        credential_refusal_set(&refusal, listener);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
                int fd = ask();
                turn();
                must_be_let_go(fd);
        }
}

static void test_no_more_once_there_is_a_frontend(void **state)
{
        char byte;

        credential_refusal_set(&refusal, listener);
        credential_refusal_set(&refusal, -1);
        int fd = ask();
        turn();
        assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(errno, EAGAIN);
        close_fd(&fd);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                WITH(test_they_are_let_go_with_nothing),
                WITH(test_a_socket_that_was_left_waiting_does_not_hold_the_loop),
                WITH(test_no_more_once_there_is_a_frontend),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
