/* Which control group a process is in, as the kernel tells it of a pidfd (PIDFD_GET_INFO, Linux 6.13). The
 * number is the one that the group's folder has, and no other group ever gets it. */
#pragma once

#include <stdint.h>

/* Of the process that connected this unix socket, or that listened where we connected; a number of a process
 * cannot be somebody else's here, as it could in /proc. It is where the process is now, not where it was
 * then. -EOPNOTSUPP: the kernel does not tell that. -ESRCH: the process has ended, or is in a PID namespace
 * that ours cannot see. Else negative errno. */
int process_cgroup_of_peer(int fd, uint64_t *ret);

/* Our own; errors as above. To find out whether the kernel tells. */
int process_cgroup_own(uint64_t *ret);
