/* The frontend, confined: its own calls work. */
#include "daemon/base/confinement.h"
#include "daemon/base/journal.h"
#include "lib/util.h"
#include "tests/unit/confined_child.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

static struct belongings my;

static void confine(void)
{
        struct confinement confinement;

        EXPECT(confine_frontend(my.pair[0], my.highest_fd, &confinement) == 0);
        EXPECT(confinement.no_new_privileges && confinement.filter);
}

static void serves(void)
{
        int yes = 1, unread = -1;
        char bytes[8];
        struct ucred peer;
        socklen_t length = sizeof(peer);
        struct epoll_event wanted = { .events = EPOLLIN }, got;

        make_belongings(&my);
        confine();
        wanted.data.fd = my.listener;
        EXPECT(epoll_ctl(my.epoll, EPOLL_CTL_ADD, my.listener, &wanted) == 0);
        EXPECT(epoll_wait(my.epoll, &got, 1, 1000) == 1 && got.data.fd == my.listener);
        int fd = accept4(my.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        EXPECT(fd > my.highest_fd);
        EXPECT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0);
        EXPECT(getsockopt(my.pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0);
        EXPECT(send(my.client, "word", 4, MSG_NOSIGNAL) == 4);
        EXPECT(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 1000) == 1);
        EXPECT(ioctl(fd, FIONREAD, &unread) == 0 && unread == 4);
        EXPECT(recv(fd, bytes, sizeof(bytes), 0) == 4);
        EXPECT(write(fd, "x", 1) == 1 && read(my.client, bytes, 1) == 1);
        EXPECT(sendmsg(fd, &(struct msghdr){ .msg_iov = &(struct iovec){ bytes, 1 }, .msg_iovlen = 1 },
                       MSG_NOSIGNAL) == 1);
        int flags = fcntl(fd, F_GETFL);
        EXPECT(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
               fcntl(fd, F_GETFD) == FD_CLOEXEC);
        EXPECT(shutdown(fd, SHUT_RDWR) == 0 && close(fd) == 0);
        const struct itimerspec soon = { .it_value.tv_nsec = 1 };
        EXPECT(timerfd_settime(my.timer, 0, &soon, NULL) == 0 && read(my.timer, bytes, 8) == 8);
}

static void a_listener_connects_nowhere(void)
{
        make_belongings(&my);
        confine();
        EXPECT(shutdown(my.listener, SHUT_RDWR) < 0);
        EXPECT(sendmsg(my.listener,
                       &(struct msghdr){ .msg_name = &my.other,
                                         .msg_namelen = sizeof(my.other),
                                         .msg_iov = &(struct iovec){ (char *)"x", 1 },
                                         .msg_iovlen = 1 },
                       MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT) < 0);
        EXPECT(poll(&(struct pollfd){ .fd = my.other_listener, .events = POLLIN }, 1, 100) == 0);
}

static void talks_to_the_keeper(void)
{
        char word[8], room[CMSG_SPACE(sizeof(int))];
        struct iovec content = { word, sizeof(word) };
        struct msghdr message = {
                .msg_iov = &content, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
        };

        make_belongings(&my);
        confine();
        EXPECT(send(my.pair[0], "word", 4, MSG_NOSIGNAL) == 4 &&
               recv(my.pair[1], word, sizeof(word), 0) == 4);
        content.iov_len = 4;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                    .cmsg_type = SCM_RIGHTS,
                                    .cmsg_len = CMSG_LEN(sizeof(int)) };
        memcpy(CMSG_DATA(header), &my.client, sizeof(int));
        EXPECT(sendmsg(my.pair[1], &message, MSG_NOSIGNAL) == 4);
        EXPECT(recvmsg(my.pair[0], &message, MSG_CMSG_CLOEXEC) == 4 && CMSG_FIRSTHDR(&message));
}

static void asks_about_callers(void)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        const struct nlmsghdr nothing = { .nlmsg_len = sizeof(nothing), .nlmsg_type = NLMSG_NOOP };

        make_belongings(&my);
        confine();
        EXPECT(sendto(my.datagrams, &nothing, sizeof(nothing), 0, (const struct sockaddr *)&kernel,
                      sizeof(kernel)) == sizeof(nothing));
        EXPECT(sendto(my.client, "x", 1, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 &&
               errno == ENOSYS);
}

static void has_memory(void)
{
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        make_belongings(&my);
        confine();
        EXPECT(page != MAP_FAILED && sbrk(4096) != (void *)-1);
        char *large = malloc(1 << 20);
        EXPECT(large);
        large = realloc(large, 8 << 20);
        EXPECT(large && madvise(page, 4096, MADV_DONTDUMP) == 0);
        free(large);
        (void)malloc_trim(0);
        EXPECT(mlock(page, 4096) == 0 || errno == ENOMEM || errno == EPERM);
        EXPECT(mprotect(page, 4096, PROT_NONE) == 0);
        EXPECT(munmap(page, 4096) == 0);
}

static int note(sd_event_source *source, uint64_t usec, void *userdata)
{
        return sd_event_exit(sd_event_source_get_event(source), 7);
}

static void its_loop_turns(void)
{
        sd_event *event = NULL;
        sd_event_source *source = NULL;

        make_belongings(&my);
        EXPECT(sd_event_new(&event) >= 0);
        EXPECT(sd_event_add_time_relative(event, &source, CLOCK_MONOTONIC, 1000, 1, note, NULL) >= 0);
        confine();
        EXPECT(sd_event_source_set_time_relative(source, 2000) >= 0);
        EXPECT(sd_event_loop(event) == 7);
        sd_event_source_unref(source);
        sd_event_unref(event);
}

static void it_says(void)
{
        char text[1024] = ""; /* a notice, if there is no Landlock, comes first */
        int ends[2];

        make_belongings(&my);
        EXPECT(pipe2(ends, O_CLOEXEC) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
        journal_open(LOG_INFO, JOURNAL_JSON, false);
        confine();
        journal_say(&(struct journal_record){ .priority = LOG_INFO }, "a word");
        EXPECT(read(ends[0], text, sizeof(text) - 1) > 0 && strstr(text, "a word"));
}

static void aborts(void)
{
        make_belongings(&my);
        confine();
        abort();
}

static void its_own_calls_work(void **state)
{
        assert_int_equal(status_of_child(serves), 0);
        assert_int_equal(status_of_child(a_listener_connects_nowhere), 0);
        assert_int_equal(status_of_child(talks_to_the_keeper), 0);
        assert_int_equal(status_of_child(asks_about_callers), 0);
        assert_int_equal(status_of_child(has_memory), 0);
        assert_int_equal(status_of_child(its_loop_turns), 0);
        assert_int_equal(status_of_child(it_says), 0);
}

static void abort_ends_it(void **state)
{
        int status = status_of_child(aborts);

        assert_true(status != -1 && WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* ---- the line between listeners and connections, wherever it is ---- */

static int line;

/* A closed number answers with EBADF, a refused call with ENOSYS. */
static void the_line_is_sharp(void)
{
        static const int numbers[] = { 0, 1, 2, 3, 7, 8, 63, 64, 65, 1023, 1024, 4095, 65536, INT_MAX };
        struct confinement confinement;

        for (int fd = 3; fd < 20000; fd++) {
                (void)close(fd);
        }
        EXPECT(confine_frontend(0, line, &confinement) == 0);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                for (int around = -1; around <= 1; around++) {
                        int fd = (i == 0 ? line : numbers[i]) + (numbers[i] == INT_MAX ? 0 : around);
                        int r = result_of(syscall(SYS_shutdown, fd, SHUT_RD));
                        EXPECT((r == -ENOSYS) == (fd <= line));
                        r = result_of(syscall(SYS_sendto, fd, "x", 1, 0, &my.other, sizeof(my.other)));
                        EXPECT(fd < 0 || (r == -ENOSYS) == (fd > line));
                }
        }
}

static void the_line_is_where_it_is_said_to_be(void **state)
{
        static const int lines[] = { 3, 4, 7, 8, 10, 63, 64, 100, 1023, 5000 };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                line = lines[i];
                assert_int_equal(status_of_child(the_line_is_sharp), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(its_own_calls_work),
                cmocka_unit_test(abort_ends_it),
                cmocka_unit_test(the_line_is_where_it_is_said_to_be),
        };

        return has_filters() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
