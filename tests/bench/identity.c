/* The costs of asking the kernel for the caller, per connection.
 *
 *     identity CONNECTIONS
 *
 * Prints a line of JSON: microseconds of processor time per look-up over TCP and over a unix socket, in the
 * best of many rounds: other work of the machine can only add to it. */
#include "daemon/frontend/callers/peer.h"
#include "tests/bench/wire.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 101

struct accepted {
        int fd;
        struct peer_door door;
        struct sockaddr_storage other; /* as accept() tells it */
};

/* Fills the array with accepted ends of TCP connections. */
static void connect_tcp(struct accepted *accepted, size_t n)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(listener, 16) < 0 || getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
                wire_fail("listen", errno);
        }
        for (size_t i = 0; i < n; i++) {
                int client = wire_connect(ntohs(address.sin_port));
                if (client < 0) {
                        wire_fail("connect", -client);
                }
                socklen_t other_length = sizeof(accepted[i].other);
                accepted[i].fd = accept4(listener, (struct sockaddr *)&accepted[i].other, &other_length,
                                         SOCK_CLOEXEC);
                if (accepted[i].fd < 0) {
                        wire_fail("accept", errno);
                }
        }
}

static void connect_unix(struct accepted *accepted, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int pair[2];
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
                        wire_fail("socketpair", errno);
                }
                accepted[i].fd = pair[0];
        }
}

static uint64_t processor_nsec(void)
{
        struct timespec used;

        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); /* cannot fail for this clock */
        return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static double usec_per_lookup(struct peer_finder *finder, struct accepted *accepted, size_t n)
{
        const uid_t self = getuid();
        double best = 0;

        for (size_t i = 0; i < n; i++) {
                peer_door_look(&accepted[i].door, finder, accepted[i].fd);
        }
        for (size_t round = 0; round < ROUNDS; round++) {
                uint64_t start_nsec = processor_nsec();
                for (size_t i = 0; i < n; i++) {
                        struct peer peer;
                        peer_find(finder, &accepted[i].door, accepted[i].fd, &accepted[i].other, &peer);
                        if (!peer.known || peer.uid != self) {
                                wire_fail("the caller was not found", EINVAL);
                        }
                        peer_clear(&peer);
                }
                double usec = (double)(processor_nsec() - start_nsec) / 1e3 / (double)n;
                best = round == 0 || usec < best ? usec : best;
        }
        return best;
}

int main(int argc, char **argv)
{
        struct peer_finder *finder = NULL;

        if (argc != 2) {
                (void)fprintf(stderr, "usage: identity CONNECTIONS\n");
                return 2;
        }
        size_t n = wire_number(argv[1], "CONNECTIONS", 9000);
        struct accepted *accepted = calloc(n, sizeof(*accepted));
        int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
        int r = netlink < 0 ? -errno : peer_finder_new(&finder, netlink);
        if (!accepted || r < 0) {
                wire_fail("identity", r < 0 ? -r : ENOMEM);
        }
        connect_tcp(accepted, n);
        double tcp = usec_per_lookup(finder, accepted, n);
        connect_unix(accepted, n);
        (void)printf("{\"tcp_usec\":%.2f,\"unix_usec\":%.2f}\n", tcp, usec_per_lookup(finder, accepted, n));
        (void)peer_finder_free(finder);
        free(accepted);
        return 0;
}
