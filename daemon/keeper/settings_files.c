/* The configuration as files. lib/settings knows what is in them. */
#include "daemon/keeper/settings_files.h"

#include "daemon/keeper/obstacle.h"
#include "lib/descriptor.h"
#include "lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int complain(char message[static SETTINGS_ERROR_MAX], const char *path, int error)
{
        bool denied = error == EACCES || error == EPERM;
        struct obstacle obstacle;
        int n = SETTINGS_ERROR_MAX;

        if (denied && obstacle_find(path, &obstacle)) {
                n = snprintf(message, SETTINGS_ERROR_MAX,
                             "%s: cannot be read: %s; let the daemon's user read it: %s %s", path,
                             strerror(error), obstacle_cure(&obstacle), obstacle.path);
        }
        if (n < 0 || n >= SETTINGS_ERROR_MAX) {
                (void)snprintf(message, SETTINGS_ERROR_MAX, "%s: cannot be read: %s", path, strerror(error));
        }
        return -error;
}

/* The text of a regular file; the caller frees. -EFBIG beyond SETTINGS_TEXT_MAX. */
static int read_text(const char *path, char **ret, size_t *ret_length)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0) {
                return -errno;
        }
        if (!S_ISREG(status.st_mode)) {
                return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
        }
        _cleanup_free_ char *text = malloc(SETTINGS_TEXT_MAX + 1);
        if (!text) {
                return -ENOMEM;
        }
        ssize_t length = read_fully(fd, text, SETTINGS_TEXT_MAX + 1);
        if (length < 0) {
                return (int)length;
        }
        if (length > SETTINGS_TEXT_MAX) {
                return -EFBIG;
        }
        *ret = take_ptr(text);
        *ret_length = (size_t)length;
        return 0;
}

static int read_file(struct settings *settings, const char *path,
                     char reterr_message[static SETTINGS_ERROR_MAX])
{
        _cleanup_free_ char *text = NULL;
        size_t length = 0;

        int r = read_text(path, &text, &length);
        if (r < 0) {
                return complain(reterr_message, path, -r);
        }
        return settings_read(settings, path, text, length, reterr_message);
}

static int is_drop_in(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);
        return entry->d_name[0] != '.' && length > 5 && streq(entry->d_name + length - 5, ".conf");
}

struct drop_ins {
        struct dirent **entries;
        int n;
};

static void free_drop_ins(struct drop_ins *found)
{
        for (int i = 0; i < found->n; i++) {
                free(found->entries[i]);
        }
        free(found->entries);
}

static int read_drop_ins(struct settings *settings, const char *path,
                         char reterr_message[static SETTINGS_ERROR_MAX])
{
        _cleanup_free_ char *folder = NULL;
        _cleanup_(free_drop_ins) struct drop_ins found = { 0 };

        if (asprintf(&folder, "%s.d", path) < 0) {
                folder = NULL;
                return complain(reterr_message, path, ENOMEM);
        }
        found.n = scandir(folder, &found.entries, is_drop_in, alphasort);
        if (found.n < 0) {
                return errno == ENOENT ? 0 : complain(reterr_message, folder, errno);
        }
        for (int i = 0; i < found.n; i++) {
                _cleanup_free_ char *file = NULL;
                if (asprintf(&file, "%s/%s", folder, found.entries[i]->d_name) < 0) {
                        file = NULL;
                        return complain(reterr_message, folder, ENOMEM);
                }
                int r = read_file(settings, file, reterr_message);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

bool settings_files_named(void)
{
        const char *path = getenv("EQP_BROKER_CONFIG");
        return path && *path;
}

int settings_files_read(const struct settings_source *source, struct settings **ret,
                        char reterr_message[static SETTINGS_ERROR_MAX])
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        const char *path = source->path;
        bool may_be_missing = false;

        if (!path && settings_files_named()) {
                path = getenv("EQP_BROKER_CONFIG");
        }
        if (!path) {
                path = source->places->config;
                may_be_missing = access(path, F_OK) < 0 && errno == ENOENT;
        }
        int r = settings_new_at(&settings, source->places);
        if (r < 0) {
                return complain(reterr_message, path, -r);
        }
        r = may_be_missing ? 0 : read_file(settings, path, reterr_message);
        if (r < 0) {
                return r;
        }
        r = read_drop_ins(settings, path, reterr_message);
        if (r < 0) {
                return r;
        }
        r = settings_finish(settings, reterr_message);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(settings);
        return 0;
}
