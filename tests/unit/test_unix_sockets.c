/* A setsockopt() that knows which descriptors are unix sockets. */
#include "daemon/frontend/http/unix_sockets.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_nodelay(int fd)
{
        const int yes = 1;

        return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ? -errno : 0;
}

static int nodelay_of(int fd)
{
        int value = -1;
        socklen_t length = sizeof(value);

        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
        return value;
}

static void test_a_unix_socket_is_left_alone_once_it_is_known(void **state)
{
        const int size = 65536;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(set_nodelay(fd), -EOPNOTSUPP);
        unix_sockets_note(fd, true);
        assert_int_equal(set_nodelay(fd), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, NULL, sizeof(size)), -1);
        unix_sockets_note(fd, false);
        assert_int_equal(set_nodelay(fd), -EOPNOTSUPP);
}

static void test_its_number_may_be_one_of_tcp_next(void **state)
{
        int before = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        unix_sockets_note(before, true);
        assert_int_equal(close(before), 0);
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(fd, before);
        unix_sockets_note(fd, false);
        assert_int_equal(set_nodelay(fd), 0);
        assert_int_equal(nodelay_of(fd), 1);
}

static void test_numbers_out_of_reach(void **state)
{
        unix_sockets_note(-1, true);
        unix_sockets_note(1 << 30, true);
        assert_int_equal(set_nodelay(-1), -EBADF);
        assert_int_equal(set_nodelay(1 << 30), -EBADF);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_unix_socket_is_left_alone_once_it_is_known),
                cmocka_unit_test(test_its_number_may_be_one_of_tcp_next),
                cmocka_unit_test(test_numbers_out_of_reach),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
