/* The caller, by daemon/frontend/callers/peer and peer_groups alone: for connections that the daemon
 * would not be given.
 *
 * Standard input gives the orders, a line each; standard output the answers, a line of JSON each. Descriptor
 * 3 is a listening socket of any kind.
 *
 *   accept   takes a connection from the listening socket
 *   find     asks who holds the other end of it
 *   release  closes it
 *
 * With the argument "no-finder" there is no netlink socket, as where the kernel has none. With two numbers,
 * rules name all groups between them. */
#include "daemon/base/clock.h"
#include "daemon/frontend/callers/peer_groups.h"
#include "lib/util.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENING_FD 3

static struct rule_groups named;
static struct spaced_turns turns;

static void print_peer(const struct peer *peer)
{
        struct rule_group_list list = { 0 };
        uint64_t turn_usec = 0;
        int r = peer->fd < 0 ? -EBADF
                             : peer_groups_find(peer, &named, &turns, clock_now_usec(), &list, &turn_usec);

        (void)printf(
                "{\"known\": %s, \"tcp\": %s, \"uid\": %lld, \"gid\": %lld, \"pid\": %lld, \"why\": \"%s\", "
                "\"later\": %s, \"groups\": [",
                peer->known ? "true" : "false", peer->tcp ? "true" : "false", (long long)peer->uid,
                (long long)peer->gid, (long long)peer->pid, peer->why ? peer->why : "",
                r == -EAGAIN ? "true" : "false");
        for (size_t i = 0; i < list.n; i++) {
                (void)printf("%s%u", i ? ", " : "", list.ids[i]);
        }
        (void)printf("]}\n");
}

static void find(struct peer_finder *finder, int fd, const struct sockaddr_storage *other)
{
        struct peer_door door;
        struct peer peer;

        peer_door_look(&door, finder,
                       fd); /* a listener that the daemon would not have, on ::, has no address */
        peer_find(finder, &door, fd, other, &peer);
        print_peer(&peer);
        peer_clear(&peer);
}

int main(int argc, char **argv)
{
        struct peer_finder *finder = NULL;
        struct sockaddr_storage other = { 0 };
        char line[64];
        int fd = -1;

        if (argc > 2) {
                gid_t end = (gid_t)atoi(argv[2]);
                for (gid_t gid = (gid_t)atoi(argv[1]); gid < end && named.n < RULE_GROUPS_MAX; gid++) {
                        named.ids[named.n++] = gid;
                }
        }
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
        if (!(argc > 1 && streq(argv[1], "no-finder")) &&
            (netlink < 0 || peer_finder_new(&finder, netlink) < 0)) {
                return 1;
        }
        while (fgets(line, sizeof(line), stdin)) {
                if (streq(line, "accept\n")) {
                        socklen_t length = sizeof(other);
                        fd = accept4(LISTENING_FD, (struct sockaddr *)&other, &length, SOCK_CLOEXEC);
                        (void)printf("{\"accepted\": %s}\n", fd >= 0 ? "true" : "false");
                } else if (streq(line, "find\n")) {
                        find(finder, fd, &other);
                } else if (streq(line, "release\n")) {
                        (void)printf("{\"released\": %s}\n", close(fd) == 0 ? "true" : "false");
                        fd = -1;
                } else {
                        return 2;
                }
        }
        (void)peer_finder_free(finder);
        return 0;
}
