/* tls_files: the certificates on disk.
 *
 * A directory is held locked while it is prepared, so that simulators started together agree on one
 * authority. Files are written aside and renamed. The authority is made anew only when one of its files is
 * missing; a file that is there but unreadable is an error, since clients may already trust it. */
#include "simulator/tls_files.h"

#include "lib/descriptor.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_SIZE_MAX   (64 * 1024)
#define WRONG_NAME     "wrong.example"
#define CA_FILE        "ca.pem"
#define CA_KEY_FILE    "ca-key.pem"
#define SERVER_FILE    "server.pem"
#define SERVER_KEY     "server-key.pem"
#define TEMPORARY_NAME "eqp-simulator-XXXXXX"

struct tls_files {
        char *directory; /* absolute */
        bool temporary;
        int directory_fd;
        char *ca_file;
        struct certificate *authority;
        struct certificate *server;
        struct certificate *wrong;
};

static int read_file(int directory_fd, const char *name, char **ret)
{
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        ssize_t length;

        if (fd < 0) {
                return -errno;
        }
        text = malloc(PEM_SIZE_MAX + 1);
        if (!text) {
                return -ENOMEM;
        }

        length = read_fully(fd, text, PEM_SIZE_MAX);
        if (length < 0) {
                return (int)length;
        }
        if (length == PEM_SIZE_MAX) {
                return -EFBIG;
        }

        text[length] = '\0';
        *ret = take_ptr(text);
        return 0;
}

static int write_and_rename(int fd, const char *text, int directory_fd, const char *aside, const char *name)
{
        int r;

        r = write_fully(fd, text, strlen(text));
        if (r < 0) {
                return r;
        }
        return renameat(directory_fd, aside, directory_fd, name) < 0 ? -errno : 0;
}

static int write_file(int directory_fd, const char *name, mode_t mode, const char *text)
{
        _cleanup_close_ int fd = -1;
        char aside[64];
        int r;

        (void)snprintf(aside, sizeof(aside), ".%s.new", name);
        if (unlinkat(directory_fd, aside, 0) < 0 && errno != ENOENT) {
                return -errno;
        }
        fd = openat(directory_fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0) {
                return -errno;
        }

        r = write_and_rename(fd, text, directory_fd, aside, name);
        if (r < 0) {
                (void)unlinkat(directory_fd, aside, 0);
        }
        return r;
}

static int read_both(int directory_fd, const char *name, const char *key_name, struct certificate *pair,
                     const char **reterr_name)
{
        int r;

        *reterr_name = name;
        r = read_file(directory_fd, name, &pair->pem);
        if (r < 0) {
                return r;
        }
        *reterr_name = key_name;
        return read_file(directory_fd, key_name, &pair->key_pem);
}

/* Both files of a pair: 1 if read, 0 if one is missing. */
static int read_pair(const struct tls_files *files, const char *name, const char *key_name,
                     struct certificate **ret, const char **reterr_name)
{
        _cleanup_(certificate_freep) struct certificate *pair = calloc(1, sizeof(*pair));
        int r;

        if (!pair) {
                return -ENOMEM;
        }

        r = read_both(files->directory_fd, name, key_name, pair, reterr_name);
        if (r == -ENOENT) {
                return 0;
        }
        if (r < 0) {
                return r;
        }

        *ret = take_ptr(pair);
        return 1;
}

static int write_pair(const struct tls_files *files, const char *name, const char *key_name,
                      const struct certificate *pair, const char **reterr_name)
{
        int r;

        *reterr_name = key_name;
        r = write_file(files->directory_fd, key_name, 0600, pair->key_pem);
        if (r < 0) {
                return r;
        }
        *reterr_name = name;
        return write_file(files->directory_fd, name, 0644, pair->pem);
}

/* Reads or makes both pairs. On failure *reterr_name is the file in question. */
static int prepare(struct tls_files *files, const char *const *names, size_t n_names,
                   const char **reterr_name)
{
        int r;

        r = read_pair(files, CA_FILE, CA_KEY_FILE, &files->authority, reterr_name);
        if (r < 0) {
                return r;
        }
        if (r == 0) {
                r = certificate_new_authority(&files->authority);
                if (r < 0) {
                        return r;
                }
                r = write_pair(files, CA_FILE, CA_KEY_FILE, files->authority, reterr_name);
                if (r < 0) {
                        return r;
                }
        }

        r = read_pair(files, SERVER_FILE, SERVER_KEY, &files->server, reterr_name);
        if (r < 0) {
                return r;
        }
        if (r > 0 && certificate_is_usable(files->server, files->authority, names, n_names)) {
                return 0;
        }

        files->server = certificate_free(files->server);
        *reterr_name = CA_KEY_FILE;
        r = certificate_new_server(&files->server, files->authority, names, n_names, /* loopback= */ true);
        if (r < 0) {
                return r;
        }
        return write_pair(files, SERVER_FILE, SERVER_KEY, files->server, reterr_name);
}

static int make_wrong(struct certificate **ret)
{
        _cleanup_(certificate_freep) struct certificate *stranger = NULL;
        static const char *const names[] = { WRONG_NAME };
        int r;

        r = certificate_new_authority(&stranger);
        if (r < 0) {
                return r;
        }
        return certificate_new_server(ret, stranger, names, ARRAY_SIZE(names), /* loopback= */ false);
}

static int open_directory(struct tls_files *files, const char *directory)
{
        _cleanup_free_ char *template = NULL;

        if (directory) {
                if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
                        return -errno;
                }
        } else {
                const char *base = getenv("TMPDIR");

                if (asprintf(&template, "%s/%s", base && base[0] ? base : "/tmp", TEMPORARY_NAME) < 0) {
                        return -ENOMEM;
                }
                if (!mkdtemp(template)) {
                        return -errno;
                }
                files->temporary = true;
                directory = template;
        }

        files->directory = realpath(directory, NULL);
        if (!files->directory) {
                return -errno;
        }
        files->directory_fd = open(files->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (files->directory_fd < 0) {
                return -errno;
        }
        return asprintf(&files->ca_file, "%s/" CA_FILE, files->directory) < 0 ? -ENOMEM : 0;
}

static int fill(struct tls_files *files, const char *directory, const char *const *names, size_t n_names,
                const char **reterr_name)
{
        int r;

        r = open_directory(files, directory);
        if (r < 0) {
                return r;
        }
        if (flock(files->directory_fd, LOCK_EX) < 0) {
                return -errno;
        }
        r = prepare(files, names, n_names, reterr_name);
        if (r < 0) {
                return r;
        }
        if (flock(files->directory_fd, LOCK_UN) < 0) {
                return -errno;
        }
        return make_wrong(&files->wrong);
}

int tls_files_new(struct tls_files **ret, const char *directory, const char *const *names, size_t n_names,
                  char **reterr_path)
{
        _cleanup_(tls_files_freep) struct tls_files *files = calloc(1, sizeof(*files));
        const char *all_names[SERVER_NAMES_MAX + 1] = { "localhost" };
        const char *name = "";
        int r;

        *reterr_path = NULL;
        if (!files) {
                return -ENOMEM;
        }
        files->directory_fd = -1;
        if (n_names > SERVER_NAMES_MAX) {
                return -E2BIG;
        }
        for (size_t i = 0; i < n_names; i++) {
                all_names[i + 1] = names[i];
        }

        r = fill(files, directory, all_names, n_names + 1, &name);
        if (r < 0) {
                const char *where = files->directory ? files->directory : directory;

                if (where && asprintf(reterr_path, "%s/%s", where, name) < 0) {
                        *reterr_path = NULL;
                }
                return r;
        }

        *ret = take_ptr(files);
        return 0;
}

struct tls_files *tls_files_free(struct tls_files *files)
{
        static const char *const names[] = { CA_FILE, CA_KEY_FILE, SERVER_FILE, SERVER_KEY };

        if (!files) {
                return NULL;
        }

        if (files->temporary && files->directory_fd >= 0) {
                for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                        (void)unlinkat(files->directory_fd, names[i], 0);
                }
        }
        if (files->temporary && files->directory) {
                (void)rmdir(files->directory);
        }

        close_fd(&files->directory_fd);
        certificate_free(files->authority);
        certificate_free(files->server);
        certificate_free(files->wrong);
        free(files->ca_file);
        free(files->directory);
        free(files);
        return NULL;
}

void tls_files_freep(struct tls_files **files)
{
        *files = tls_files_free(*files);
}

const char *tls_files_ca_file(const struct tls_files *files)
{
        return files->ca_file;
}

const struct certificate *tls_files_server(const struct tls_files *files)
{
        return files->server;
}

const struct certificate *tls_files_wrong(const struct tls_files *files)
{
        return files->wrong;
}
