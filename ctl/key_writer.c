/* Key writer: a key is written aside, into a hidden file, which the daemon does not look at, made whole and
 * lasting there, and then renamed. Signals wait meanwhile, so that no such file stays behind; for those that
 * do not wait see key_leftovers.c. (A file without a name, O_TMPFILE, cannot replace one that has it.) */
#include "ctl/key_writer.h"

#include "ctl/complain.h"
#include "ctl/folder.h"
#include "ctl/held_signals.h"
#include "ctl/key_leftovers.h"
#include "ctl/key_owner.h"
#include "ctl/scope.h"
#include "lib/descriptor.h"
#include "lib/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define DAEMON_USER    "eqp-broker"
#define DAEMON_GROUP   "eqp-broker"
#define ASIDE_NAME_MAX 32

/* A file that is being written; goes unless it was renamed. */
struct aside {
        int directory_fd;
        int fd;
        char name[ASIDE_NAME_MAX]; /* "": there is none */
};

static void aside_drop(struct aside *aside)
{
        if (aside->name[0] != '\0') {
                (void)unlinkat(aside->directory_fd, aside->name, 0);
        }
        close_fd(&aside->fd);
}

static int fail(const struct key_store *store, const char *file, const char *what, int error)
{
        const char *cure = "";

        if (error == ENOSPC || error == EDQUOT) {
                cure = " Make room there.";
        } else if (error == EROFS) {
                cure = " That file system is read-only.";
        } else if (error == EACCES || error == EPERM) {
                cure = scope_is_user() ? "" : " The directory is the daemon's alone: run this as root.";
        }
        complain("%s%s%s %s: %s.%s", store->path, file[0] != '\0' ? "/" : "", file, what, strerror(error),
                 cure);
        return -error;
}

int key_writer_check(const struct key_store *store)
{
        if (store->fd < 0 || faccessat(store->fd, ".", W_OK | X_OK, AT_EACCESS) == 0) {
                return 0;
        }

        return fail(store, "", "cannot be written to", errno);
}

/* ---- the directory ---- */

/* Makes what is missing above the last part of the path. */
static int make_parents(const char *path)
{
        _cleanup_free_ char *parent = strdup(path);
        int r = 0;

        if (!parent) {
                return -ENOMEM;
        }
        for (char *slash = strchr(parent + 1, '/'); slash && r == 0; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                r = folder_make(parent);
                *slash = '/';
        }

        return r;
}

static int give_to_daemon(int fd)
{
        const struct passwd *user = geteuid() == 0 ? getpwnam(DAEMON_USER) : NULL;

        if (user && fchown(fd, user->pw_uid, user->pw_gid) < 0) {
                return -errno;
        }

        return fchmod(fd, 0700) < 0 ? -errno : 0;
}

static int open_new(struct key_store *store)
{
        _cleanup_close_ int fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        int r;

        if (fd < 0) {
                return -errno;
        }
        r = give_to_daemon(fd);
        if (r < 0) {
                return r;
        }
        if (fstat(fd, &store->status) < 0) {
                return -errno;
        }

        store->fd = take_fd(fd);
        return 0;
}

int key_writer_make_directory(struct key_store *store)
{
        int r;

        if (store->fd >= 0) {
                return 0;
        }

        r = make_parents(store->path);
        if (r < 0) {
                return fail(store, "", "cannot be made", -r);
        }
        if (mkdir(store->path, 0700) < 0) {
                return fail(store, "", "cannot be made", errno);
        }
        r = open_new(store);
        if (r < 0) {
                (void)rmdir(store->path);
                return fail(store, "", "cannot be made", -r);
        }

        return 0;
}

/* ---- a file ---- */

static int aside_open(struct aside *aside, int directory_fd)
{
        unsigned char random[8];

        *aside = (struct aside){ .directory_fd = directory_fd, .fd = -1 };
        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
                return -EIO;
        }

        (void)snprintf(aside->name, sizeof(aside->name), KEY_ASIDE_PREFIX "%02x%02x%02x%02x%02x%02x%02x%02x",
                       random[0], random[1], random[2], random[3], random[4], random[5], random[6],
                       random[7]);
        aside->fd = openat(directory_fd, aside->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                           0600);
        if (aside->fd < 0) {
                aside->name[0] = '\0';
                return -errno;
        }

        return 0;
}

/* Owner and group of the directory; for our own file its group is not worth a failure. */
static int set_owner(int fd, const struct stat *directory)
{
        if (fchmod(fd, 0600) < 0) {
                return -errno;
        }
        if (fchown(fd, directory->st_uid, directory->st_gid) < 0 && directory->st_uid != geteuid()) {
                return -errno;
        }

        return 0;
}

/* Where root owns the directory, and the daemon gets at it by its group, a file is for that group as well;
 * but never for that of the callers. */
static mode_t choose_mode(const struct stat *directory)
{
        const struct group *callers = getgrnam(DAEMON_GROUP);
        struct stat file = *directory;

        file.st_mode = S_IFREG | 0600;
        if (geteuid() != 0 || daemon_user_may_read(&file) || !callers || callers->gr_gid == file.st_gid) {
                return 0600;
        }
        file.st_mode = S_IFREG | 0640;
        return daemon_user_may_read(&file) ? 0640 : 0600;
}

static int write_key(int fd, const struct access_key *key)
{
        static_assert(ACCESS_KEY_TEXT_MAX >= APPLICATION_ID_MAX + APPLICATION_SECRET_MAX + 2,
                      "ID, colon, secret and line end");
        _cleanup_secret_ char *text = secret_alloc(ACCESS_KEY_TEXT_MAX + 1);
        int length;

        if (!text) {
                return -ENOMEM;
        }
        length = snprintf(text, ACCESS_KEY_TEXT_MAX + 1, "%s:%s\n", key->id, key->secret);
        return length < 0 ? -EIO : write_fully(fd, text, (size_t)length);
}

static int write_and_rename(const struct key_store *store, const char *file, const struct access_key *key,
                            mode_t mode)
{
        _cleanup_(aside_drop) struct aside aside = { .fd = -1 };
        int r;

        r = aside_open(&aside, store->fd);
        if (r < 0) {
                return r;
        }
        r = write_key(aside.fd, key);
        if (r < 0) {
                return r;
        }
        r = set_owner(aside.fd, &store->status);
        if (r < 0) {
                return r;
        }
        /* The mode is last: a file that a killed one leaves has 0600. */
        if (fsync(aside.fd) < 0 || fchmod(aside.fd, mode) < 0 || close(take_fd(aside.fd)) < 0 ||
            renameat(store->fd, aside.name, store->fd, file) < 0) {
                return -errno;
        }

        aside.name[0] = '\0';
        return 0;
}

int key_writer_put(const struct key_store *store, const char *file, const struct access_key *key)
{
        _cleanup_(held_signals_end) sigset_t before;
        mode_t mode = choose_mode(&store->status); /* asks the user database, which may take long */
        int r;

        key_leftovers_remove(store);
        held_signals_begin(&before);
        r = write_and_rename(store, file, key, mode);
        if (r < 0) {
                return fail(store, file, "cannot be written", -r);
        }
        if (fsync(store->fd) < 0) {
                return fail(store, file, "is written, but may not outlive a power failure", errno);
        }

        return 0;
}

int key_writer_remove(const struct key_store *store, const char *file)
{
        if (unlinkat(store->fd, file, 0) < 0) {
                return fail(store, file, "cannot be removed", errno);
        }
        if (fsync(store->fd) < 0) {
                return fail(store, file, "is removed, but may come back after a power failure", errno);
        }

        return 0;
}
