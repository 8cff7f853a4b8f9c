/* The forwarder, confined: its own calls work, and those that come near to them do not. (All the rest is
 * tried in a real one, in tests/security/test_inside_forwarder.py.) */
#include "daemon/base/confinement.h"
#include "lib/util.h"
#include "tests/unit/confined_child.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <systemd/sd-event.h>

static struct belongings my;

static void confine(void)
{
        struct confinement confinement;

        make_belongings(&my);
        EXPECT(confine_forwarder(&confinement) == 0);
        EXPECT(confinement.no_new_privileges && confinement.filter);
}

static int connect_to_other(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
        int error = -1, yes = 1;
        socklen_t length = sizeof(error);

        EXPECT(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0);
        EXPECT(connect(fd, (const struct sockaddr *)&my.other, sizeof(my.other)) == 0 ||
               errno == EINPROGRESS);
        EXPECT(poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 5000) == 1);
        EXPECT(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0);
        return fd;
}

static void connects(void)
{
        struct sockaddr_storage name;
        socklen_t length = sizeof(name);

        confine();
        int fd = connect_to_other();
        EXPECT(getsockname(fd, (struct sockaddr *)&name, &length) == 0);
        EXPECT(getpeername(fd, (struct sockaddr *)&name, &length) == 0);
        EXPECT(send(fd, "word", 4, MSG_NOSIGNAL) == 4);
        EXPECT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
        EXPECT(shutdown(fd, SHUT_RDWR) == 0 && close(fd) == 0);
        int other = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT(other >= 0 || errno == EAFNOSUPPORT);
}

static void speaks_by_lanes(void)
{
        char word[8];
        struct iovec parts[] = { { word, 2 }, { word + 2, 2 } };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
        int offset = 0;

        confine();
        EXPECT(send(my.pair[1], "word", 4, MSG_NOSIGNAL) == 4);
        EXPECT(setsockopt(my.pair[0], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0);
        EXPECT(recvmsg(my.pair[0], &message, MSG_DONTWAIT) == 4 && memcmp(word, "word", 4) == 0);
        EXPECT(sendmsg(my.pair[0], &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 4);
        EXPECT(recv(my.pair[1], word, sizeof(word), 0) == 4);
}

static int count_turns(sd_event_source *source, uint64_t usec, void *userdata)
{
        return sd_event_exit(sd_event_source_get_event(source), 7);
}

static void has_a_loop(void)
{
        sd_event *event = NULL;

        EXPECT(sd_event_new(&event) >= 0);
        confine();
        EXPECT(sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 1000, 1, count_turns, NULL) >= 0);
        EXPECT(sd_event_loop(event) == 7);
        EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

/* News of upstreams. */
static void maps_what_is_sealed(void)
{
        int fd = memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        EXPECT(fd >= 0 && write(fd, "word", 4) == 4 &&
               fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
        confine();
        EXPECT(fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK) && lseek(fd, 0, SEEK_END) == 4);
        const char *text = mmap(NULL, 4, PROT_READ, MAP_PRIVATE, fd, 0);
        EXPECT(text != MAP_FAILED && memcmp(text, "word", 4) == 0);
}

static bool is_refused(long answer)
{
        return answer < 0 && errno == ENOSYS;
}

static void has_no_other_network(void)
{
        const struct sockaddr_in any = { .sin_family = AF_INET };

        confine();
        EXPECT(is_refused(socket(AF_UNIX, SOCK_STREAM, 0)) &&
               is_refused(socket(AF_UNIX, SOCK_SEQPACKET, 0)));
        EXPECT(is_refused(socket(AF_NETLINK, SOCK_RAW, 0)));
        EXPECT(is_refused(socket(AF_INET, SOCK_DGRAM, 0)) && is_refused(socket(AF_INET6, SOCK_DGRAM, 0)));
        EXPECT(is_refused(socket(AF_INET, SOCK_RAW, IPPROTO_TCP)));
        EXPECT(is_refused(socket(AF_INET, SOCK_STREAM, 262)));
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        EXPECT(is_refused(bind(fd, (const struct sockaddr *)&any, sizeof(any))));
        EXPECT(is_refused(listen(fd, 1)) && is_refused(accept4(my.listener, NULL, NULL, 0)));
        EXPECT(is_refused(
                sendto(fd, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&my.other, sizeof(my.other))));
        EXPECT(is_refused(sendto(fd, "x", 1, 0, (const struct sockaddr *)&my.other, sizeof(my.other))));
        EXPECT(is_refused(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int))));
}

static void has_no_files_and_no_others(void)
{
        struct stat status;

        confine();
        EXPECT(is_refused(open("/dev/null", O_RDONLY | O_CLOEXEC)));
        EXPECT(is_refused(stat("/etc/passwd", &status)) &&
               is_refused(fstatat(my.pair[0], "", &status, AT_EMPTY_PATH)));
        EXPECT(is_refused(memfd_create("a", 0)) && is_refused(kill(getppid(), 0)));
        EXPECT(is_refused(dup(my.pair[0])) && is_refused(fcntl(my.pair[0], F_DUPFD_CLOEXEC, 0)));
        EXPECT(is_refused(execl("/bin/true", "true", NULL)));
        EXPECT(is_refused(fcntl(my.pair[0], F_ADD_SEALS, 0)));
}

static void its_own_calls_work(void **state)
{
        assert_int_equal(status_of_child(connects), 0);
        assert_int_equal(status_of_child(speaks_by_lanes), 0);
        assert_int_equal(status_of_child(has_a_loop), 0);
        assert_int_equal(status_of_child(maps_what_is_sealed), 0);
}

static void all_other_calls_are_refused(void **state)
{
        assert_int_equal(status_of_child(has_no_other_network), 0);
        assert_int_equal(status_of_child(has_no_files_and_no_others), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(its_own_calls_work),
                cmocka_unit_test(all_other_calls_are_refused),
        };

        return has_filters() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
