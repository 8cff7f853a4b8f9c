/* Whole texts through a descriptor, however small the pieces are in which they come and go. For the layers
 * above, and therefore inline: lib/ itself has no files. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/* Reads to the end, but at most size bytes. Returns how many, or a negative errno. */
static inline ssize_t read_fully(int fd, char *bytes, size_t size)
{
        size_t length = 0;

        while (length < size) {
                ssize_t n = read(fd, bytes + length, size - length);
                if (n < 0 && errno != EINTR) {
                        return -errno;
                }
                if (n == 0) {
                        break;
                }
                length += n > 0 ? (size_t)n : 0;
        }
        return (ssize_t)length;
}

/* Writes all of it. 0, or a negative errno; then some of it may be written. */
static inline int write_fully(int fd, const char *bytes, size_t length)
{
        while (length > 0) {
                ssize_t n = write(fd, bytes, length);
                if (n < 0 && errno != EINTR) {
                        return -errno;
                }
                if (n > 0) {
                        bytes += n;
                        length -= (size_t)n;
                }
        }
        return 0;
}
