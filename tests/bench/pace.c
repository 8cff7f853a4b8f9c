/* Requests at a fixed rate, whatever the answers do, and how long each took from the moment it was due.
 *
 *     pace PORT REQUEST_FILE RATE SECONDS CONNECTIONS [fresh]
 *
 * Requests go round the kept connections; one that is due while all are busy waits, and that counts. With
 * "fresh" each has a new connection. Prints a line of JSON. It does not sleep: a sleep's jitter would be
 * measured with it. */
#include "tests/bench/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000
#define PATIENCE_NSEC   (5u * 1000000000ull) /* after the last request */

struct lane {
        int fd;
        bool busy;
        uint64_t due_nsec;
        struct wire_reply reply;
};

struct pace {
        int epoll;
        uint16_t port;
        bool fresh;
        struct wire_request request;
        struct lane *lanes;
        size_t n_lanes, next_lane;
        uint64_t *latencies_nsec;
        size_t n, n_sent, n_answered, n_failed;
};

static void open_lane(struct pace *pace, struct lane *lane, uint32_t events)
{
        struct epoll_event event = { .events = events, .data.ptr = lane };

        lane->fd = wire_connect(pace->port);
        if (lane->fd < 0) {
                wire_fail("connect", -lane->fd);
        }
        if (epoll_ctl(pace->epoll, EPOLL_CTL_ADD, lane->fd, &event) < 0) {
                wire_fail("epoll_ctl", errno);
        }
}

static void close_lane(struct lane *lane)
{
        (void)close(lane->fd);
        lane->fd = -1;
}

static void finish(struct pace *pace, struct lane *lane, int status)
{
        lane->busy = false;
        if (status == 200) {
                pace->latencies_nsec[pace->n_answered++] = wire_now_nsec() - lane->due_nsec;
        } else {
                pace->n_failed++;
        }
        if (pace->fresh) {
                close_lane(lane);
        } else if (status < 0) {
                close_lane(lane);
                open_lane(pace, lane, EPOLLIN);
        }
}

static void send_on(struct pace *pace, struct lane *lane)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = lane };
        int r = wire_send(lane->fd, &pace->request);

        if (r < 0) {
                finish(pace, lane, r);
        } else if (pace->fresh && epoll_ctl(pace->epoll, EPOLL_CTL_MOD, lane->fd, &event) < 0) {
                wire_fail("epoll_ctl", errno);
        }
}

/* A lane that is free, or NULL. */
static struct lane *find_lane(struct pace *pace)
{
        for (size_t i = 0; i < pace->n_lanes; i++) {
                struct lane *lane = &pace->lanes[(pace->next_lane + i) % pace->n_lanes];
                if (!lane->busy) {
                        pace->next_lane = (pace->next_lane + i + 1) % pace->n_lanes;
                        return lane;
                }
        }
        return NULL;
}

static void start_request(struct pace *pace, struct lane *lane, uint64_t due_nsec)
{
        lane->busy = true;
        lane->due_nsec = due_nsec;
        lane->reply.length = 0;
        pace->n_sent++;
        if (pace->fresh) {
                open_lane(pace, lane, EPOLLOUT);
        } else {
                send_on(pace, lane);
        }
}

static void on_event(struct pace *pace, const struct epoll_event *event)
{
        struct lane *lane = event->data.ptr;

        if (event->events & EPOLLOUT) {
                send_on(pace, lane);
                return;
        }
        int r = wire_receive(lane->fd, &lane->reply);
        if (r == -EAGAIN) {
                return;
        }
        if (!lane->busy) {
                wire_fail("a kept connection ended", -r);
        }
        finish(pace, lane, r);
}

static void run(struct pace *pace, unsigned long rate)
{
        struct epoll_event events[256];
        const uint64_t gap_nsec = 1000000000u / rate, start_nsec = wire_now_nsec();
        struct lane *lane;

        while (pace->n_answered + pace->n_failed < pace->n) {
                uint64_t now_nsec = wire_now_nsec(), due_nsec = start_nsec + pace->n_sent * gap_nsec;
                if (now_nsec > start_nsec + pace->n * gap_nsec + PATIENCE_NSEC) {
                        wire_fail("answers are missing", ETIMEDOUT);
                }
                if (pace->n_sent < pace->n && due_nsec <= now_nsec && (lane = find_lane(pace))) {
                        start_request(pace, lane, due_nsec);
                }
                int n = epoll_wait(pace->epoll, events, 256, 0);
                for (int i = 0; i < n; i++) {
                        on_event(pace, &events[i]);
                }
        }
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return (x > y) - (x < y);
}

static double percentile_usec(const struct pace *pace, unsigned per_10000)
{
        return pace->n_answered == 0
                       ? 0
                       : (double)pace->latencies_nsec[(pace->n_answered - 1) * per_10000 / 10000] / 1e3;
}

int main(int argc, char **argv)
{
        struct pace pace = { .epoll = epoll_create1(EPOLL_CLOEXEC), .fresh = argc == 7 };

        if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "fresh") != 0)) {
                (void)fprintf(stderr, "usage: pace PORT REQUEST_FILE RATE SECONDS CONNECTIONS [fresh]\n");
                return 2;
        }
        pace.port = (uint16_t)wire_number(argv[1], "PORT", 65535);
        pace.request = wire_read_request(argv[2]);
        unsigned long rate = wire_number(argv[3], "RATE", 1000000);
        pace.n = rate * wire_number(argv[4], "SECONDS", 3600);
        pace.n_lanes = wire_number(argv[5], "CONNECTIONS", CONNECTIONS_MAX);
        pace.lanes = calloc(pace.n_lanes, sizeof(*pace.lanes));
        pace.latencies_nsec = calloc(pace.n, sizeof(*pace.latencies_nsec));
        if (!pace.lanes || !pace.latencies_nsec || pace.epoll < 0) {
                wire_fail("pace", errno);
        }
        for (size_t i = 0; !pace.fresh && i < pace.n_lanes; i++) {
                open_lane(&pace, &pace.lanes[i], EPOLLIN);
        }
        run(&pace, rate);
        qsort(pace.latencies_nsec, pace.n_answered, sizeof(*pace.latencies_nsec), compare);
        (void)printf("{\"answered\":%zu,\"failed\":%zu,\"p50_usec\":%.1f,\"p90_usec\":%.1f,"
                     "\"p99_usec\":%.1f,\"p999_usec\":%.1f,\"max_usec\":%.1f}\n",
                     pace.n_answered, pace.n_failed, percentile_usec(&pace, 5000),
                     percentile_usec(&pace, 9000), percentile_usec(&pace, 9900),
                     percentile_usec(&pace, 9990), percentile_usec(&pace, 10000));
        return 0;
}
