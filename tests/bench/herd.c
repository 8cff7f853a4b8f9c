/* A herd of callers: opens many connections at once, sends one request on each, and waits for all answers.
 *
 *     herd PORT REQUEST_FILE CALLERS [hold]
 *
 * Prints a line of JSON when the last one is answered. With "hold" the connections then stay open until
 * standard input ends. */
#include "tests/bench/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTING_MAX 1000 /* at a time: a listener's queue is 4096 at the most */
#define PATIENCE_MSEC  60000

struct caller {
        int fd;
        bool connected;
        struct wire_reply reply;
};

struct herd {
        int epoll;
        uint16_t port;
        struct wire_request request;
        struct caller *callers;
        size_t n, n_started, n_connected, n_ended;
        size_t n_answered[600]; /* by status */
        size_t n_failed;
        uint64_t start_nsec, connected_nsec, first_nsec, last_nsec;
};

static void end_caller(struct herd *herd, struct caller *caller, int status)
{
        (void)epoll_ctl(herd->epoll, EPOLL_CTL_DEL, caller->fd, NULL);
        herd->n_ended++;
        if (status >= 100 && status < 600) {
                herd->n_answered[status]++;
        } else {
                (void)fprintf(stderr, "herd: %s\n", strerror(-status));
                herd->n_failed++;
        }
        herd->last_nsec = wire_now_nsec();
        if (herd->first_nsec == 0) {
                herd->first_nsec = herd->last_nsec;
        }
}

static void start_caller(struct herd *herd)
{
        struct caller *caller = &herd->callers[herd->n_started++];
        struct epoll_event event = { .events = EPOLLOUT, .data.ptr = caller };

        caller->fd = wire_connect(herd->port);
        if (caller->fd < 0) {
                wire_fail("connect", -caller->fd);
        }
        if (epoll_ctl(herd->epoll, EPOLL_CTL_ADD, caller->fd, &event) < 0) {
                wire_fail("epoll_ctl", errno);
        }
}

static void on_event(struct herd *herd, struct caller *caller)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = caller };
        int r;

        if (caller->connected) {
                r = wire_receive(caller->fd, &caller->reply);
                if (r != -EAGAIN) {
                        end_caller(herd, caller, r);
                }
                return;
        }
        caller->connected = true;
        if (++herd->n_connected == herd->n) {
                herd->connected_nsec = wire_now_nsec();
        }
        r = wire_send(caller->fd, &herd->request);
        if (r < 0) {
                end_caller(herd, caller, r);
        } else if (epoll_ctl(herd->epoll, EPOLL_CTL_MOD, caller->fd, &event) < 0) {
                wire_fail("epoll_ctl", errno);
        }
}

static void run(struct herd *herd)
{
        struct epoll_event events[256];

        herd->start_nsec = wire_now_nsec();
        while (herd->n_ended < herd->n) {
                while (herd->n_started < herd->n && herd->n_started - herd->n_connected < CONNECTING_MAX) {
                        start_caller(herd);
                }
                int n = epoll_wait(herd->epoll, events, 256, PATIENCE_MSEC);
                if (n <= 0) {
                        wire_fail("no more answers come", n < 0 ? errno : ETIMEDOUT);
                }
                for (int i = 0; i < n; i++) {
                        on_event(herd, events[i].data.ptr);
                }
        }
}

static double msec_after_start(const struct herd *herd, uint64_t nsec)
{
        return nsec ? (double)(nsec - herd->start_nsec) / 1e6 : 0;
}

static void print(const struct herd *herd)
{
        const char *comma = "";

        (void)printf("{\"statuses\":{");
        for (size_t status = 0; status < 600; status++) {
                if (herd->n_answered[status] > 0) {
                        (void)printf("%s\"%zu\":%zu", comma, status, herd->n_answered[status]);
                        comma = ",";
                }
        }
        (void)printf("},\"failed\":%zu,\"connected_msec\":%.1f,\"first_msec\":%.1f,\"last_msec\":%.1f}\n",
                     herd->n_failed, msec_after_start(herd, herd->connected_nsec),
                     msec_after_start(herd, herd->first_nsec), msec_after_start(herd, herd->last_nsec));
        (void)fflush(stdout);
}

int main(int argc, char **argv)
{
        struct herd herd = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
        struct rlimit limit;
        char ignored[64];

        if (argc < 4 || argc > 5 || (argc == 5 && strcmp(argv[4], "hold") != 0)) {
                (void)fprintf(stderr, "usage: herd PORT REQUEST_FILE CALLERS [hold]\n");
                return 2;
        }
        herd.port = (uint16_t)wire_number(argv[1], "PORT", 65535);
        herd.request = wire_read_request(argv[2]);
        herd.n = wire_number(argv[3], "CALLERS", 60000);
        herd.callers = calloc(herd.n, sizeof(*herd.callers));
        if (!herd.callers || herd.epoll < 0) {
                wire_fail("herd", errno);
        }
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
        run(&herd);
        print(&herd);
        while (argc == 5 && read(STDIN_FILENO, ignored, sizeof(ignored)) > 0) {
        }
        return 0;
}
