/* The control group of a process. Kernel headers before Linux 6.13 do not know the question, so its form
 * stands here. */
#include "daemon/base/process_cgroup.h"

#include "daemon/base/process_cgroup_call.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define INFO_PID      (UINT64_C(1) << 0)
#define INFO_CGROUPID (UINT64_C(1) << 2)

static_assert(sizeof(struct process_cgroup_info) == 64, "as the first kernel that has it has it");

/* A kernel without it answers as to any request that a descriptor does not know; ENOSYS is a filter's. */
static int as_error(int error)
{
        return error == ENOTTY || error == EINVAL || error == ENOPROTOOPT || error == ENOSYS ? -EOPNOTSUPP
                                                                                             : -error;
}

static int ask(int pidfd, uint64_t *ret)
{
        struct process_cgroup_info info = { .mask = INFO_PID | INFO_CGROUPID };

        if (ioctl(pidfd, PROCESS_CGROUP_CALL, &info) < 0) {
                return as_error(errno);
        }
        if (!(info.mask & INFO_CGROUPID) || info.cgroup == 0) {
                return -EOPNOTSUPP; /* a kernel without control groups */
        }
        *ret = info.cgroup;
        return 0;
}

int process_cgroup_of_peer(int fd, uint64_t *ret)
{
#ifdef PROCESS_CGROUP_PEERPIDFD
        _cleanup_close_ int pidfd = -1;
        socklen_t length = sizeof(pidfd);

        if (getsockopt(fd, SOL_SOCKET, PROCESS_CGROUP_PEERPIDFD, &pidfd, &length) < 0) {
                pidfd = -1;
                /* Of a process that has ended, kernels before 6.16 say EINVAL. */
                return errno == EINVAL ? -ESRCH : as_error(errno);
        }
        return ask(pidfd, ret);
#else
        return -EOPNOTSUPP;
#endif
}

int process_cgroup_own(uint64_t *ret)
{
        _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

        return pidfd < 0 ? as_error(errno) : ask(pidfd, ret);
}
