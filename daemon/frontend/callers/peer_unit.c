/* The unit of a caller on a unix socket. */
#include "daemon/frontend/callers/peer_unit.h"

#include "daemon/base/process_cgroup.h"
#include "lib/util.h"

#include <errno.h>

int peer_unit_find(const struct peer *peer, struct known_units *units, uint64_t now_usec,
                   struct waiter *waiter, char ret[static UNIT_NAME_MAX + 1])
{
        uint64_t cgroup;

        int r = process_cgroup_of_peer(peer->fd, &cgroup);
        return r < 0 ? r : known_units_find(units, cgroup, peer->uid, now_usec, waiter, ret);
}

const char *peer_unit_obstacle(int error)
{
        switch (-error) {
        case 0:
                return NULL;
        case EOPNOTSUPP:
                return "'allow = unit:NAME' opens nothing here, as this kernel does not tell which unit a "
                       "process belongs to: it takes Linux 6.13";
        case ESRCH:
                return "'allow = unit:NAME' opens nothing here, as the process that made the connection has "
                       "ended, or cannot be seen from the daemon's PID namespace";
        default:
                return "'allow = unit:NAME' opens nothing for now, as it cannot be found out which unit "
                       "this "
                       "process belongs to: try again";
        }
}
