/* As many requests as there can be: each connection sends its next one when it has its answer.
 *
 *     flood WHERE REQUEST_FILE SECONDS CONNECTIONS [step]
 *
 * WHERE is a port of 127.0.0.1 or the path of a unix socket. With "step" it says so when all connections are
 * open and each has had one answer, and begins at a line on standard input: for who wants to look at the
 * server in the meantime. Prints a line of JSON. */
#include "tests/bench/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define CONNECTIONS_MAX 1000
#define PATIENCE_MSEC   10000

struct lane {
        int fd;
        struct wire_reply reply;
};

struct flood {
        int epoll;
        struct wire_request request;
        struct lane *lanes;
        size_t n_lanes, n_answered, n_failed;
};

static void ask(struct flood *flood, struct lane *lane)
{
        int r = wire_send(lane->fd, &flood->request);

        if (r < 0) {
                wire_fail("send", -r);
        }
}

/* One look at what has come; ended: nothing more is asked. */
static void turn(struct flood *flood, bool ended)
{
        struct epoll_event events[256];
        int n = epoll_wait(flood->epoll, events, 256, PATIENCE_MSEC);

        if (n <= 0) {
                wire_fail("no answer comes", n < 0 ? errno : ETIMEDOUT);
        }
        for (int i = 0; i < n; i++) {
                struct lane *lane = events[i].data.ptr;
                int status = wire_receive(lane->fd, &lane->reply);
                if (status == -EAGAIN) {
                        continue;
                }
                if (status < 0) {
                        wire_fail("receive", -status);
                }
                flood->n_answered++;
                flood->n_failed += status != 200;
                if (!ended) {
                        ask(flood, lane);
                }
        }
}

static void connect_all(struct flood *flood, const char *where)
{
        for (size_t i = 0; i < flood->n_lanes; i++) {
                struct lane *lane = &flood->lanes[i];
                struct epoll_event event = { .events = EPOLLIN, .data.ptr = lane };
                lane->fd = wire_connect_to(where);
                if (lane->fd < 0) {
                        wire_fail(where, -lane->fd);
                }
                if (epoll_ctl(flood->epoll, EPOLL_CTL_ADD, lane->fd, &event) < 0) {
                        wire_fail("epoll_ctl", errno);
                }
                ask(flood, lane);
        }
        while (flood->n_answered < flood->n_lanes) {
                turn(flood, true);
        }
}

static void run(struct flood *flood, unsigned long seconds)
{
        const uint64_t start_nsec = wire_now_nsec(), end_nsec = start_nsec + seconds * 1000000000u;
        uint64_t now_nsec = start_nsec;

        flood->n_answered = 0;
        for (size_t i = 0; i < flood->n_lanes; i++) {
                ask(flood, &flood->lanes[i]);
        }
        while (now_nsec < end_nsec) {
                turn(flood, false);
                now_nsec = wire_now_nsec();
        }
        (void)printf("{\"answered\":%zu,\"failed\":%zu,\"seconds\":%.6f}\n", flood->n_answered,
                     flood->n_failed, (double)(now_nsec - start_nsec) / 1e9);
        (void)fflush(stdout);
}

int main(int argc, char **argv)
{
        struct flood flood = { .epoll = epoll_create1(EPOLL_CLOEXEC) };

        if (argc < 5 || argc > 6 || (argc == 6 && strcmp(argv[5], "step") != 0)) {
                (void)fprintf(stderr, "usage: flood WHERE REQUEST_FILE SECONDS CONNECTIONS [step]\n");
                return 2;
        }
        flood.request = wire_read_request(argv[2]);
        unsigned long seconds = wire_number(argv[3], "SECONDS", 86400);
        flood.n_lanes = wire_number(argv[4], "CONNECTIONS", CONNECTIONS_MAX);
        flood.lanes = calloc(flood.n_lanes, sizeof(*flood.lanes));
        if (!flood.lanes || flood.epoll < 0) {
                wire_fail("flood", errno);
        }
        connect_all(&flood, argv[1]);
        if (argc == 6) {
                (void)puts("ready");
                (void)fflush(stdout);
                (void)getchar();
        }
        run(&flood, seconds);
        return 0;
}
