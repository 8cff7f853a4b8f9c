/* One key file: is it safe, does it hold a key? The content is read into secret memory. */
#include "daemon/keeper/key_file.h"

#include "lib/key_file_rule.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Reads at most size bytes, with one_line only until a line end has come. Returns how many, or a negative
 * errno. */
static ssize_t read_some(int fd, char *buffer, size_t size, bool one_line)
{
        size_t length = 0;

        while (length < size && !(one_line && memchr(buffer, '\n', length))) {
                ssize_t n = read(fd, buffer + length, size - length);
                if (n < 0) {
                        if (errno == EINTR) {
                                continue;
                        }
                        return -errno;
                }
                if (n == 0) {
                        break;
                }
                length += (size_t)n;
        }
        return (ssize_t)length;
}

static int read_key(int fd, bool one_line, struct access_key **ret, char *reterr_reason, size_t reason_size)
{
        _cleanup_secret_ char *text = secret_alloc(ACCESS_KEY_TEXT_MAX + 1);
        const char *why = NULL;

        if (!text) {
                (void)snprintf(reterr_reason, reason_size, "out of memory");
                return -ENOMEM;
        }
        ssize_t length = read_some(fd, text, ACCESS_KEY_TEXT_MAX + 1, one_line);
        if (length < 0) {
                (void)snprintf(reterr_reason, reason_size, "it cannot be read: %s", strerror((int)-length));
                return (int)length;
        }
        int r = access_key_parse(text, (size_t)length, ret, &why);
        if (r < 0) {
                (void)snprintf(reterr_reason, reason_size, "%s", why ? why : strerror(-r));
        }
        return r;
}

int key_file_read_line(int fd, struct access_key **ret, char *reterr_reason, size_t reason_size)
{
        return read_key(fd, /* one_line= */ true, ret, reterr_reason, reason_size);
}

int key_file_read(int directory_fd, const char *name, bool relaxed, struct access_key **ret,
                  struct stat *ret_status, char *reterr_reason, size_t reason_size)
{
        /* O_NONBLOCK: a FIFO of that name must not stop the daemon. */
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat status;

        if (fd < 0) {
                int error = errno;
                (void)snprintf(reterr_reason, reason_size, "it cannot be opened: %s%s", strerror(error),
                               error == EACCES ? " (let the daemon's user read it)" : "");
                return -error;
        }
        if (fstat(fd, &status) < 0) {
                int error = errno;
                (void)snprintf(reterr_reason, reason_size, "it cannot be examined: %s", strerror(error));
                return -error;
        }
        int r = key_file_check(S_ISREG(status.st_mode), status.st_mode, (uint64_t)status.st_size, relaxed,
                               reterr_reason, reason_size);
        if (r < 0) {
                return r;
        }
        r = read_key(fd, /* one_line= */ false, ret, reterr_reason, reason_size);
        if (r < 0) {
                return r;
        }
        *ret_status = status;
        return 0;
}
