/* The least that a server can do: one epoll loop that answers a constant to whatever arrives. The yardstick
 * for what the machine allows.
 *
 *     bare ANSWER_FILE
 *
 * Prints its port. It takes each piece that arrives for one whole request, as it is with small ones. */
#include "tests/bench/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_somewhere(uint16_t *ret_port)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, 4096) < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
                wire_fail("listen", errno);
        }
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static void watch(int epoll, int fd)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
                wire_fail("epoll_ctl", errno);
        }
}

static void answer(int fd, const struct wire_request *constant)
{
        char request[4096];
        ssize_t n = recv(fd, request, sizeof(request), 0);

        if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && wire_send(fd, constant) < 0)) {
                (void)close(fd);
        }
}

int main(int argc, char **argv)
{
        struct epoll_event events[256];
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        uint16_t port;

        if (argc != 2 || epoll < 0) {
                (void)fprintf(stderr, "usage: bare ANSWER_FILE\n");
                return 2;
        }
        const struct wire_request constant = wire_read_request(argv[1]);
        int listener = listen_somewhere(&port);
        watch(epoll, listener);
        (void)printf("%u\n", port);
        (void)fflush(stdout);
        for (;;) {
                int n = epoll_wait(epoll, events, 256, -1);
                for (int i = 0; i < n; i++) {
                        if (events[i].data.fd != listener) {
                                answer(events[i].data.fd, &constant);
                                continue;
                        }
                        int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                        if (client >= 0) {
                                watch(epoll, client);
                        }
                }
        }
}
