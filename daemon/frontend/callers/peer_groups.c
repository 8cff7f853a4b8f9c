/* The groups of a caller on a unix socket. */
#include "daemon/frontend/callers/peer_groups.h"

#include "daemon/base/clock.h"
#include "lib/util.h"

#include <errno.h>
#include <sys/socket.h>

/* Reads up to `room` of them. -ERANGE: there are more. */
static int read_groups(const struct peer *peer, gid_t *groups, size_t room, size_t *ret_n)
{
        socklen_t length = (socklen_t)(room * sizeof(*groups));

        if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0) {
                return -errno;
        }
        *ret_n = length / sizeof(*groups);
        return 0;
}

/* Held for the call only: nobody's list is worth 256 KiB. */
static int find_among_many(const struct peer *peer, const struct rule_groups *named,
                           struct rule_group_list *ret)
{
        _cleanup_free_ gid_t *groups = calloc(PEER_GROUPS_MAX, sizeof(*groups));
        size_t n = 0;

        if (!groups) {
                return -ENOMEM;
        }
        int r = read_groups(peer, groups, PEER_GROUPS_MAX, &n);
        if (r >= 0) {
                rule_groups_match(named, groups, n, ret);
        }
        return r;
}

int peer_groups_find(const struct peer *peer, const struct rule_groups *named, struct spaced_turns *turns,
                     uint64_t now_usec, struct rule_group_list *ret, uint64_t *ret_turn_usec)
{
        gid_t few[PEER_GROUPS_FEW];
        size_t n = 0;

        /* The kernel copies nothing where there is not room for all. */
        int r = read_groups(peer, few, PEER_GROUPS_FEW, &n);
        if (r != -ERANGE) {
                rule_groups_match(named, few, n, ret);
                return r;
        }
        uint64_t turn_usec = spaced_turns_next(turns, peer->uid, now_usec);
        if (turn_usec > now_usec) {
                *ret_turn_usec = turn_usec;
                return -EAGAIN;
        }
        uint64_t began_usec = clock_now_usec();
        r = find_among_many(peer, named, ret);
        uint64_t ended_usec = clock_now_usec();
        spaced_turns_taken(turns, peer->uid, ended_usec - began_usec, ended_usec);
        return r;
}
