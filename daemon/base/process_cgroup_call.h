/* The system calls of daemon/base/process_cgroup, for it and for the filters that allow them. */
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Linux 6.5. Where it has another number, as on sparc, the headers say so, if they know it. */
#if defined(SO_PEERPIDFD)
#define PROCESS_CGROUP_PEERPIDFD SO_PEERPIDFD
#elif SO_PEERSEC == 31
#define PROCESS_CGROUP_PEERPIDFD 77
#endif

/* struct pidfd_info of linux/pidfd.h, as it is in Linux 6.13; later ones are longer, and take this one. */
struct process_cgroup_info {
        uint64_t mask; /* of the fields that are wanted; then of those that are filled */
        uint64_t cgroup;
        uint32_t pid, tgid, ppid;
        uint32_t ids[8];
        uint32_t spare;
};

/* PIDFD_GET_INFO. */
#define PROCESS_CGROUP_CALL _IOWR(0xFF, 11, struct process_cgroup_info)
