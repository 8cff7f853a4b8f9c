/* A text in sealed memory.
 *
 * The pages of a memfd belong to no process and can be swapped out. So the text is kept mapped and locked
 * for as long as the text counts; the rest is the time between two processes. */
#include "daemon/keeper/session_snapshot.h"

#include "lib/descriptor.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* since Linux 6.3 */
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int map(struct session_snapshot *ret, int fd, size_t length)
{
        /* The pages are shared either way as nobody can write; but before Linux 6.7, what is sealed against
         * writing can only be mapped as private. */
        void *text = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);

        if (text == MAP_FAILED) {
                return -errno;
        }
        if (madvise(text, length, MADV_DONTDUMP) < 0 || madvise(text, length, MADV_DONTFORK) < 0) {
                int r = -errno;
                (void)munmap(text, length);
                return r;
        }
        /* If it cannot be locked, that was told at start: daemon/base/process. */
        (void)mlock(text, length);
        *ret = (struct session_snapshot){ text, length };
        return 0;
}

int session_snapshot_make(struct session_snapshot *ret, const char *name, const char *text, size_t length)
{
        const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
        _cleanup_close_ int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL) {
                fd = memfd_create(name, flags);
        }
        if (fd < 0 || fchmod(fd, S_IRUSR) < 0) {
                return -errno;
        }
        int r = write_fully(fd, text, length);
        if (r < 0) {
                return r;
        }
        if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
                return -errno;
        }
        r = map(ret, fd, length);
        return r < 0 ? r : take_fd(fd);
}

int session_snapshot_open(struct session_snapshot *ret, int fd, size_t max, const char **reterr_why)
{
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat status;

        if (seals < 0 || (seals & SEALS) != SEALS) {
                *reterr_why = "it is not sealed: somebody could still change it";
                return -EBADMSG;
        }
        *reterr_why = "it cannot be read";
        if (fstat(fd, &status) < 0) {
                return -errno;
        }
        if (status.st_size < 1 || (uint64_t)status.st_size > max) {
                *reterr_why = "its size makes no sense";
                return -EBADMSG;
        }
        return map(ret, fd, (size_t)status.st_size);
}

void session_snapshot_clear(struct session_snapshot *snapshot)
{
        if (snapshot->text) {
                (void)munmap((char *)(uintptr_t)snapshot->text, snapshot->length);
        }
        *snapshot = (struct session_snapshot){ 0 };
}
