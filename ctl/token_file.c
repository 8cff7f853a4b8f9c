/* Token file: written aside, into a hidden file of the same directory that nobody else may read, given its
 * owner and its mode there, made whole and lasting, and then renamed. A reader sees the token from before or
 * the new one.
 *
 * A symbolic link is refused, not followed: the file would then not be where its directory's rights are
 * those that somebody looked at, and a link in a directory of others could lead root anywhere. So is a file
 * of somebody else in a directory where everybody or a group may write: its owner, who may be any of these
 * and have put it there, would be given the token. */
#include "ctl/token_file.h"

#include "lib/descriptor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define ASIDE_PREFIX    ".eqp-token-"
#define ASIDE_DIGITS    16
#define ASIDE_NAME_MAX  32
#define LEFTOVER_SEC    600 /* a write takes milliseconds, on a slow disk seconds */
#define OTHERS_MAY_READ 0007

/* A write that is under way. */
struct writing {
        const struct token_file *file;
        char *words;
        const char *name; /* the last part of the path */
        int directory_fd, fd;
        char aside[ASIDE_NAME_MAX]; /* "": there is none */
        struct stat before;         /* the file as it is now */
        bool is_there;
};

static void writing_end(struct writing *writing)
{
        if (writing->aside[0] != '\0') {
                (void)unlinkat(writing->directory_fd, writing->aside, 0);
        }
        close_fd(&writing->fd);
        close_fd(&writing->directory_fd);
}

static int refuse(struct writing *writing, int error, const char *why)
{
        (void)snprintf(writing->words, TOKEN_FILE_WORDS_MAX, "%s %s", writing->file->path, why);
        return -error;
}

static int fail(struct writing *writing, int error)
{
        static const struct {
                int error;
                const char *cure;
        } cures[] = {
                { ENOSPC, " Make room there." },
                { EDQUOT, " Make room there." },
                { EROFS, " That file system is read-only." },
                { ENOENT, " Make its directory first." },
                { ENOTDIR, " Something in its path is no directory." },
                { EACCES, " This user has to be allowed to write to its directory, for the file is made "
                          "anew there." },
                { EPERM, " This user has to be allowed to write to its directory, for the file is made anew "
                         "there." },
        };
        const char *cure = "";

        for (size_t i = 0; i < ARRAY_SIZE(cures); i++) {
                cure = cures[i].error == error ? cures[i].cure : cure;
        }
        (void)snprintf(writing->words, TOKEN_FILE_WORDS_MAX, "%s cannot be written: %s.%s",
                       writing->file->path, strerror(error), cure);
        return -error;
}

/* ---- where ---- */

static int open_directory(const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        size_t length = slash ? MAX_OF((size_t)(slash - path), (size_t)1) : 0;
        _cleanup_free_ char *directory = slash ? strndup(path, length) : strdup(".");

        if (!directory) {
                return -ENOMEM;
        }
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *ret_name = slash ? slash + 1 : path;
        return fd < 0 ? -errno : fd;
}

/* A file of the directory's owner is no trick: the owner of a directory decides what is in it. */
static int look_at_owner(struct writing *writing, const struct stat *directory)
{
        if (writing->before.st_uid == geteuid()) {
                return 0;
        }
        if ((directory->st_mode & S_IWOTH) != 0) {
                return refuse(writing, EPERM,
                              "is somebody else's, in a directory where everybody may write. "
                              "Use a directory that only users who may have the token can write to.");
        }
        if ((directory->st_mode & S_IWGRP) != 0 && writing->before.st_uid != directory->st_uid) {
                return refuse(writing, EPERM,
                              "is somebody else's, in a directory where a group may write. Use a directory "
                              "that only its owner can write to.");
        }
        return 0;
}

/* Is what is there one that may be replaced? */
static int look_at_place(struct writing *writing)
{
        struct stat directory;
        int r;

        if (writing->name[0] == '\0' || streq(writing->name, ".") || streq(writing->name, "..")) {
                return refuse(writing, EISDIR, "is a directory; name the file in it.");
        }
        if (fstat(writing->directory_fd, &directory) < 0) {
                return fail(writing, errno);
        }
        if (fstatat(writing->directory_fd, writing->name, &writing->before, AT_SYMLINK_NOFOLLOW) < 0) {
                return errno == ENOENT ? 0 : fail(writing, errno);
        }
        if (S_ISLNK(writing->before.st_mode)) {
                return refuse(writing, ELOOP,
                              "is a symbolic link, and none is followed. Name the file itself.");
        }
        if (!S_ISREG(writing->before.st_mode)) {
                return refuse(writing, EEXIST, "is there, and is no file. Name another one.");
        }
        r = look_at_owner(writing, &directory);
        writing->is_there = r == 0;
        return r;
}

/* ---- the file aside ---- */

static int open_aside(struct writing *writing)
{
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
                return fail(writing, EIO);
        }
        (void)snprintf(writing->aside, sizeof(writing->aside), ASIDE_PREFIX "%016llx",
                       (unsigned long long)number);
        writing->fd = openat(writing->directory_fd, writing->aside,
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (writing->fd < 0) {
                int error = errno;
                writing->aside[0] = '\0';
                return fail(writing, error);
        }
        return 0;
}

/* As long as it is empty. */
static int set_owner_and_mode(struct writing *writing)
{
        const struct stat *before = &writing->before;
        struct stat now;

        if (fstat(writing->fd, &now) < 0) {
                return fail(writing, errno);
        }
        if (writing->is_there && (now.st_uid != before->st_uid || now.st_gid != before->st_gid) &&
            fchown(writing->fd, before->st_uid, before->st_gid) < 0) {
                int error = errno;
                (void)snprintf(
                        writing->words, TOKEN_FILE_WORDS_MAX,
                        "%s is of user %u and group %u, and a new file cannot be given to them: %s. Run "
                        "this as one who may, or remove the file.",
                        writing->file->path, (unsigned)before->st_uid, (unsigned)before->st_gid,
                        strerror(error));
                return -error;
        }
        return fchmod(writing->fd, writing->file->mode & TOKEN_FILE_MODE_MASK) < 0 ? fail(writing, errno)
                                                                                   : 0;
}

static int fill_and_rename(struct writing *writing, const char *bytes, size_t length)
{
        int r = write_fully(writing->fd, bytes, length);

        if (r < 0) {
                return fail(writing, -r);
        }
        if (fsync(writing->fd) < 0 ||
            renameat(writing->directory_fd, writing->aside, writing->directory_fd, writing->name) < 0) {
                return fail(writing, errno);
        }
        writing->aside[0] = '\0';
        /* Were it lost with the power, the next process would write it again. */
        (void)fsync(writing->directory_fd);
        return 0;
}

int token_file_write(const struct token_file *file, const char *bytes, size_t length,
                     char words[static TOKEN_FILE_WORDS_MAX])
{
        _cleanup_(writing_end) struct writing writing = { .file = file, .words = words, .fd = -1 };
        int r;

        writing.directory_fd = open_directory(file->path, &writing.name);
        if (writing.directory_fd < 0) {
                return fail(&writing, -writing.directory_fd);
        }
        r = look_at_place(&writing);
        if (r < 0) {
                return r;
        }
        r = open_aside(&writing);
        if (r < 0) {
                return r;
        }
        r = set_owner_and_mode(&writing);
        return r < 0 ? r : fill_and_rename(&writing, bytes, length);
}

/* ---- what was left ---- */

static int is_aside_name(const struct dirent *entry)
{
        const char *digits = entry->d_name + strlen(ASIDE_PREFIX);

        return strncmp(entry->d_name, ASIDE_PREFIX, strlen(ASIDE_PREFIX)) == 0 &&
               strlen(digits) == ASIDE_DIGITS && strspn(digits, "0123456789abcdef") == ASIDE_DIGITS;
}

static bool is_leftover(int directory_fd, const char *name)
{
        struct stat status;

        return fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
               (status.st_mode & OTHERS_MAY_READ) == 0 && time(NULL) - status.st_mtime >= LEFTOVER_SEC;
}

void token_file_tidy(const struct token_file *file)
{
        const char *name;
        struct dirent **files = NULL;
        _cleanup_close_ int directory_fd = open_directory(file->path, &name);
        int n = directory_fd >= 0 ? scandirat(directory_fd, ".", &files, is_aside_name, alphasort) : 0;

        for (int i = 0; i < n; i++) {
                if (is_leftover(directory_fd, files[i]->d_name)) {
                        (void)unlinkat(directory_fd, files[i]->d_name, 0);
                }
                free(files[i]);
        }
        free(files);
}
