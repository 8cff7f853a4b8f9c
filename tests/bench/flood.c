/* As many requests as there can be: each connection sends its next one when it has its answer.
 *
 *     flood WHERE REQUEST_FILE CONNECTIONS
 *
 * WHERE is a port of 127.0.0.1 or the path of a unix socket. It says "ready" when all connections are open
 * and each has had one answer. Then each line on standard input is a number of milliseconds: it floods for
 * so long, waits for the last answers, and prints a line of JSON. So who reads it can look at the server
 * before and after, and let floods of several servers take turns. */
#include "tests/bench/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define CONNECTIONS_MAX 1000
#define PATIENCE_MSEC   10000
#define SPAN_MSEC_MAX   86400000u

struct lane {
        int fd;
        struct wire_reply reply;
};

struct flood {
        int epoll;
        struct wire_request request;
        struct lane *lanes;
        size_t n_lanes, n_asked, n_answered, n_failed;
};

static void ask(struct flood *flood, struct lane *lane)
{
        int r = wire_send(lane->fd, &flood->request);

        if (r < 0) {
                wire_fail("send", -r);
        }
        flood->n_asked++;
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
}

static void wait_for_answers(struct flood *flood)
{
        while (flood->n_answered < flood->n_asked) {
                turn(flood, true);
        }
}

static void run(struct flood *flood, unsigned long msec)
{
        const uint64_t start_nsec = wire_now_nsec(), end_nsec = start_nsec + msec * 1000000u;

        flood->n_asked = flood->n_answered = 0;
        for (size_t i = 0; i < flood->n_lanes; i++) {
                ask(flood, &flood->lanes[i]);
        }
        while (wire_now_nsec() < end_nsec) {
                turn(flood, false);
        }
        wait_for_answers(flood);
        (void)printf("{\"answered\":%zu,\"failed\":%zu,\"seconds\":%.6f}\n", flood->n_answered,
                     flood->n_failed, (double)(wire_now_nsec() - start_nsec) / 1e9);
        (void)fflush(stdout);
}

int main(int argc, char **argv)
{
        struct flood flood = { .epoll = epoll_create1(EPOLL_CLOEXEC) };

        char line[32];

        if (argc != 4) {
                (void)fprintf(stderr, "usage: flood WHERE REQUEST_FILE CONNECTIONS\n");
                return 2;
        }
        flood.request = wire_read_request(argv[2]);
        flood.n_lanes = wire_number(argv[3], "CONNECTIONS", CONNECTIONS_MAX);
        flood.lanes = calloc(flood.n_lanes, sizeof(*flood.lanes));
        if (!flood.lanes || flood.epoll < 0) {
                wire_fail("flood", errno);
        }
        connect_all(&flood, argv[1]);
        wait_for_answers(&flood);
        (void)puts("ready");
        (void)fflush(stdout);
        while (fgets(line, sizeof(line), stdin)) {
                line[strcspn(line, "\n")] = '\0';
                run(&flood, wire_number(line, "milliseconds", SPAN_MSEC_MAX));
        }
        return 0;
}
