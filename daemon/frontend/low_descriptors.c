/* Low descriptor numbers. */
#include "daemon/frontend/low_descriptors.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int low_descriptors_fill(struct low_descriptors *low)
{
        int fd;

        /* The lowest free number, each time: the last one is above the line. */
        while ((fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0 && fd <= LOW_DESCRIPTORS_HIGHEST) {
                low->spare |= UINT64_C(1) << fd;
        }
        low->nothing = fd;
        return fd < 0 ? -errno : 0;
}

int low_descriptors_move(struct low_descriptors *low, int fd)
{
        _cleanup_close_ int owned = fd;

        if (low->spare == 0) {
                return -EMFILE;
        }
        int number = __builtin_ctzll(low->spare);
        if (dup3(owned, number, O_CLOEXEC) < 0) {
                return -errno;
        }
        low->spare &= ~(UINT64_C(1) << number);
        return number;
}

void low_descriptors_give_back(struct low_descriptors *low, int number)
{
        if (number >= 0 && dup3(low->nothing, number, O_CLOEXEC) >= 0) {
                low->spare |= UINT64_C(1) << number;
        }
}
