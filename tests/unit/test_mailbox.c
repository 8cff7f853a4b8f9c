/* Datagrams for somebody who reads, who does not, who is not there. */
#include "daemon/base/clock.h"
#include "daemon/base/mailbox.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static char address[64];
static struct mailbox mailbox;
static int reader;
static int n_beaten; /* so often is somebody else quicker, before one place is left */

int __real_poll(struct pollfd *fds, nfds_t n, int timeout_msec);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_msec);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_msec)
{
        char word[8];

        if (n_beaten == 0) {
                return __real_poll(fds, n, timeout_msec);
        }
        if (--n_beaten == 0) {
                assert_int_equal(recv(reader, word, sizeof(word), 0), 4);
        }
        fds->revents = POLLOUT;
        return 1;
}

static int set_up(void **state)
{
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int length = snprintf(address, sizeof(address), "@eqp-test-mailbox-%d", (int)getpid());

        memcpy(name.sun_path + 1, address + 1, (size_t)length - 1);
        n_beaten = 0;
        reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(reader, (const struct sockaddr *)&name,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)),
                         0);
        assert_int_equal(mailbox_open(&mailbox, address), 0);
        return 0;
}

static int tear_down(void **state)
{
        (void)close(mailbox.fd);
        (void)close(reader);
        return 0;
}

static int send_word(void)
{
        return mailbox_send(&mailbox, "word", 4, -1);
}

static void it_arrives(void **state)
{
        char word[8];

        assert_int_equal(send_word(), 0);
        assert_int_equal(recv(reader, word, sizeof(word), 0), 4);
        assert_memory_equal(word, "word", 4);
}

static void a_descriptor_goes_with_it(void **state)
{
        char word[8], room[CMSG_SPACE(sizeof(int))];
        struct iovec content = { word, sizeof(word) };
        struct msghdr message = {
                .msg_iov = &content, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
        };
        int ends[2], got;

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(mailbox_send(&mailbox, "word", 4, ends[1]), 0);
        assert_int_equal(recvmsg(reader, &message, 0), 4);
        assert_non_null(CMSG_FIRSTHDR(&message));
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
        assert_int_equal(write(got, "x", 1), 1);
        assert_int_equal(read(ends[0], word, sizeof(word)), 1);
        (void)close(got);
        (void)close(ends[0]);
        (void)close(ends[1]);
}

/* The first that finds no room waits for a moment, and no other one. */
static void a_reader_that_stops_costs_one_moment(void **state)
{
        char word[8];

        while (send_word() == 0) {
        }
        uint64_t before_usec = clock_now_usec();
        for (int i = 0; i < 200; i++) {
                assert_int_equal(send_word(), -EAGAIN);
        }
        assert_true(clock_now_usec() - before_usec < 100 * MAILBOX_WAIT_MSEC * USEC_PER_MSEC);
        assert_int_equal(recv(reader, word, sizeof(word), 0), 4);
        assert_int_equal(send_word(), 0);
}

static void a_loser_of_a_place_tries_again(void **state)
{
        while (send_word() == 0) {
        }
        mailbox.full = false; /* as if it had been others who filled it */
        mailbox.waited_usec = 0;
        n_beaten = 3;
        assert_int_equal(send_word(), 0);
        assert_int_equal(n_beaten, 0);
}

/* Each place that the reader makes is taken at once, and the next one finds none. */
static void a_slow_reader_costs_no_more_in_a_second(void **state)
{
        char word[8];

        while (send_word() == 0) {
        }
        uint64_t before_usec = clock_now_usec();
        for (int i = 0; i < 200; i++) {
                assert_int_equal(recv(reader, word, sizeof(word), 0), 4);
                assert_int_equal(send_word(), 0);
                assert_int_equal(send_word(), -EAGAIN);
        }
        assert_true(clock_now_usec() - before_usec < 100 * MAILBOX_WAIT_MSEC * USEC_PER_MSEC);
}

static void nobody_is_there(void **state)
{
        (void)close(reader);
        reader = -1;
        assert_int_equal(send_word(), -ECONNREFUSED);
}

static void text_that_is_no_address(void **state)
{
        const char *const bad[] = { "", "/", "@", "relative", "vsock:2:1234" };
        char too_long[256];
        struct mailbox none;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(mailbox_open(&none, bad[i]), -EINVAL);
        }
        memset(too_long, '/', sizeof(too_long));
        too_long[sizeof(too_long) - 1] = '\0';
        assert_int_equal(mailbox_open(&none, too_long), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_arrives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_descriptor_goes_with_it, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_reader_that_stops_costs_one_moment, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_loser_of_a_place_tries_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_slow_reader_costs_no_more_in_a_second, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nobody_is_there, set_up, tear_down),
                cmocka_unit_test(text_that_is_no_address),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
