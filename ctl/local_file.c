/* Local file: it is written aside under a name that the daemon does not look at, and then renamed, so that
 * no reload finds half a file. Its content opens nothing: it has the hash of a secret. */
#include "ctl/local_file.h"

#include "ctl/complain.h"
#include "ctl/folder.h"
#include "ctl/scope.h"
#include "lib/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>

#define DAEMON_GROUP "eqp-broker"
#define TEXT_MAX     (256 * 1024)

static bool write_path(char ret[static LOCAL_FILE_PATH_MAX], const char *kind, const char *name)
{
        const char *configuration = getenv("EQP_BROKER_CONFIG");
        struct places places;

        if (!configuration || configuration[0] == '\0') {
                scope_places(&places);
                configuration = places.config;
        }
        int n = snprintf(ret, LOCAL_FILE_PATH_MAX, "%s.d/%s%s.conf", configuration, kind, name);

        if (n < 0 || n >= LOCAL_FILE_PATH_MAX) {
                complain("The path of the configuration is too long.");
                return false;
        }
        return true;
}

bool local_file_path(const char *name, char ret[static LOCAL_FILE_PATH_MAX])
{
        return write_path(ret, "local-", name);
}

bool local_file_listener_path(char ret[static LOCAL_FILE_PATH_MAX])
{
        return write_path(ret, "port", "");
}

static int fail(const char *path, const char *what, int error)
{
        bool denied = error == EACCES || error == EPERM;

        complain("%s %s: %s.%s", path, what, strerror(error),
                 denied && !scope_is_user() ? " Run this as root." : "");
        return -error;
}

/* ---- writing ---- */

/* A file that is being written; goes unless it was renamed. */
struct aside {
        int fd;
        char path[LOCAL_FILE_PATH_MAX]; /* "": there is none */
};

static void aside_drop(struct aside *aside)
{
        if (aside->path[0] != '\0') {
                (void)unlink(aside->path);
        }
        close_fd(&aside->fd);
}

/* Where a user's own broker has no settings yet, what is above it may be missing too. */
static int make_folder(const char *path)
{
        char folder[LOCAL_FILE_PATH_MAX];

        (void)snprintf(folder, sizeof(folder), "%s", path);
        char *last = strrchr(folder, '/');
        *last = '\0';
        for (char *slash = scope_is_user() ? strchr(folder + 1, '/') : NULL; slash;
             slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                int r = folder_make(folder);
                *slash = '/';
                if (r < 0) {
                        return r;
                }
        }
        return folder_make(folder);
}

/* A new one: the daemon's group may read it, where there is one and we may give it away. */
static int give_to_daemon(int fd)
{
        const struct group *group = geteuid() == 0 ? getgrnam(DAEMON_GROUP) : NULL;

        if (group && fchown(fd, (uid_t)-1, group->gr_gid) < 0) {
                return -errno;
        }
        return fchmod(fd, 0640) < 0 ? -errno : 0;
}

/* All who read the one that is replaced read the new one: the daemon may run as a user that its unit names,
 * and that somebody has let in there. */
static int give_as_before(int fd, const struct stat *before)
{
        struct stat now;

        if (fstat(fd, &now) < 0) {
                return -errno;
        }
        if ((now.st_uid != before->st_uid || now.st_gid != before->st_gid) &&
            fchown(fd, before->st_uid, before->st_gid) < 0) {
                return -errno;
        }
        return fchmod(fd, before->st_mode & 0777) < 0 ? -errno : 0;
}

static int write_aside(struct aside *aside, const char *path, const char *text, size_t length)
{
        struct stat before;

        int n = snprintf(aside->path, sizeof(aside->path), "%s.%d.new", path, (int)getpid());
        int r;

        if (n < 0 || (size_t)n >= sizeof(aside->path)) {
                aside->path[0] = '\0';
                return -ENAMETOOLONG;
        }
        (void)unlink(aside->path);
        aside->fd = open(aside->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (aside->fd < 0) {
                r = -errno;
                aside->path[0] = '\0';
                return r;
        }
        r = write_fully(aside->fd, text, length);
        if (r < 0) {
                return r;
        }
        r = stat(path, &before) < 0 ? give_to_daemon(aside->fd) : give_as_before(aside->fd, &before);
        return r < 0 ? r : fsync(aside->fd) < 0 ? -errno : 0;
}

/* Makes sure that a change in the file's folder outlives a power failure; false after saying what may be. */
static bool sync_folder(const char *path, const char *otherwise)
{
        _cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
        _cleanup_close_ int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (fd >= 0 && fsync(fd) == 0) {
                return true;
        }
        complain("%s %s: %s.", path, otherwise, strerror(errno));
        return false;
}

/* create: a link, which fails where there is one already. */
static int put_in_place(struct aside *aside, const char *path, bool create)
{
        if (create) {
                return link(aside->path, path) < 0 ? -errno : 0; /* the name aside goes with aside_drop() */
        }
        if (rename(aside->path, path) < 0) {
                return -errno;
        }
        aside->path[0] = '\0';
        return 0;
}

int local_file_put(const char *path, const char *text, size_t length, bool create)
{
        _cleanup_(aside_drop) struct aside aside = { .fd = -1 };

        int r = make_folder(path);
        r = r < 0 ? r : write_aside(&aside, path, text, length);
        r = r < 0 ? r : put_in_place(&aside, path, create);
        if (r < 0) {
                return fail(path, "cannot be written", -r);
        }
        (void)sync_folder(path, "is written, but may not outlive a power failure");
        return 0;
}

/* ---- the rest ---- */

char *local_file_read(const char *path, const char *name)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_free_ char *text = malloc(TEXT_MAX + 1);
        ssize_t length;

        if (fd < 0 && errno == ENOENT) {
                complain("The local key %s is not in a file that eqpctl has made (%s): change it where its "
                         "section [local %s] stands, then: eqpctl reload",
                         name, path, name);
                return NULL;
        }
        length = fd < 0 ? -errno : text ? read_fully(fd, text, TEXT_MAX) : -ENOMEM;
        if (length < 0) {
                (void)fail(path, "cannot be read", (int)-length);
                return NULL;
        }
        text[length] = '\0';
        return take_ptr(text);
}

int local_file_remove(const char *path)
{
        if (unlink(path) < 0) {
                return fail(path, "cannot be removed", errno);
        }
        return sync_folder(path, "is removed, but may come back after a power failure") ? 0 : 1;
}
