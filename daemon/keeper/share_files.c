/* The files of [share]: one text each, perhaps with a line end behind it. */
#include "daemon/keeper/share_files.h"

#include "lib/descriptor.h"
#include "lib/key_file_rule.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define SECRET_MIN 32

static int fail(char *message, const char *path, int error, const char *why)
{
        (void)snprintf(message, SETTINGS_ERROR_MAX, "%s: %s", path, why);
        return -error;
}

static int open_file(const char *path, bool relaxed, int *ret, char *message)
{
        /* O_NONBLOCK: a FIFO of that name must not stop the daemon. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat status;
        char why[256];

        if (fd < 0 || fstat(fd, &status) < 0) {
                int error = errno;
                (void)snprintf(why, sizeof(why), "it cannot be opened: %s%s", strerror(error),
                               error == EACCES ? " (let the daemon's user read it)" : "");
                return fail(message, path, error, why);
        }
        int r = key_file_check(S_ISREG(status.st_mode), status.st_mode, /* length= */ 0, relaxed, why,
                               sizeof(why));
        if (r < 0) {
                return fail(message, path, -r, why);
        }
        *ret = take_fd(fd);
        return 0;
}

static int read_text(const char *path, bool relaxed, char **ret, size_t *ret_length, char *message)
{
        _cleanup_secret_ char *text = secret_alloc(SHARE_FILE_MAX + 3);
        _cleanup_close_ int fd = -1;

        if (!text) {
                return fail(message, path, ENOMEM, "out of memory");
        }
        int r = open_file(path, relaxed, &fd, message);
        if (r < 0) {
                return r;
        }
        ssize_t n = read_fully(fd, text, SHARE_FILE_MAX + 3);
        if (n < 0) {
                char why[256];
                (void)snprintf(why, sizeof(why), "it cannot be read: %s", strerror((int)-n));
                return fail(message, path, (int)-n, why);
        }
        if (n > 0 && text[n - 1] == '\n') {
                n--;
                n -= n > 0 && text[n - 1] == '\r';
        }
        if (n > SHARE_FILE_MAX) {
                return fail(message, path, EINVAL, "it is too long: 512 bytes are the most");
        }
        for (ssize_t i = 0; i < n; i++) {
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
                        return fail(message, path, EINVAL,
                                    "there is more than one line in it, or a control character: write the "
                                    "secret alone");
                }
        }
        if (n == 0) {
                return fail(message, path, EINVAL, "it is empty");
        }
        text[n] = '\0';
        *ret = take_ptr(text);
        *ret_length = (size_t)n;
        return 0;
}

int share_files_read(const struct share_settings *settings, bool relaxed, struct share_files *ret,
                     char reterr_message[static SETTINGS_ERROR_MAX])
{
        _cleanup_(share_files_clear) struct share_files files = { 0 };
        size_t n_password = 0;

        int r = settings->password_file ? read_text(settings->password_file, relaxed, &files.password,
                                                    &n_password, reterr_message)
                                        : 0;
        if (r < 0) {
                return r;
        }
        r = settings->share_secret_file ? read_text(settings->share_secret_file, relaxed, &files.secret,
                                                    &files.n_secret, reterr_message)
                                        : 0;
        if (r < 0) {
                return r;
        }
        if (files.secret && files.n_secret < SECRET_MIN) {
                return fail(
                        reterr_message, settings->share_secret_file, EINVAL,
                        "it is too short: write 32 characters or more, such as openssl rand -hex 32 makes");
        }
        *ret = files;
        files = (struct share_files){ 0 };
        return 0;
}

void share_files_clear(struct share_files *files)
{
        files->password = secret_free(files->password);
        files->secret = secret_free(files->secret);
        files->n_secret = 0;
}
