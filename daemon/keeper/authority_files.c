/* Certificate authorities as bytes. Which replaces which is the business of trust.c: here are the
 * files that libcurl would read by itself. */
#include "daemon/keeper/authority_files.h"

#include "lib/message.h"
#include "lib/util.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Where Debian has them, if libcurl does not say. */
#define FILE_DEFAULT      "/etc/ssl/certs/ca-certificates.crt"
#define DIRECTORY_DEFAULT "/etc/ssl/certs"

#define ENTRIES_MAX 4096 /* of the directory */

struct text {
        char *bytes;
        size_t length;
};

static void clear_text(struct text *text)
{
        free(text->bytes);
        *text = (struct text){ 0 };
}

/* ---- files ---- */

/* Appends what is in the file and a line end. -EFBIG: then there is more than may be. -ENODATA: there is no
 * certificate in it. */
static int append_file(struct text *text, int directory, const char *path)
{
        _cleanup_close_ int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat status;
        size_t before = text->length;

        if (fd < 0 || fstat(fd, &status) < 0) {
                return -errno;
        }
        if (!S_ISREG(status.st_mode)) {
                return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
        }
        if ((uint64_t)status.st_size >= MESSAGE_AUTHORITIES_MAX - before) {
                return -EFBIG;
        }
        size_t room = (size_t)status.st_size + 1; /* for a line end */
        char *bytes = realloc(text->bytes, before + room + 1);
        if (!bytes) {
                return -ENOMEM;
        }
        text->bytes = bytes;
        size_t n = 0;
        while (n < room - 1) {
                ssize_t got = read(fd, bytes + before + n, room - 1 - n);
                if (got < 0) {
                        return -errno;
                }
                if (got == 0) {
                        break;
                }
                n += (size_t)got;
        }
        bytes[before + n] = '\0';
        if (!memmem(bytes + before, n, "-----BEGIN ", 11) ||
            !memmem(bytes + before, n, "CERTIFICATE-----", 16)) {
                return -ENODATA;
        }
        bytes[before + n] = '\n';
        text->length = before + n + 1;
        return 0;
}

/* The files that libraries look for in such a directory: a certificate under the hash of its subject. */
static bool is_hashed(const char *name)
{
        return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] != '\0' &&
               strspn(name + 9, "0123456789") == strlen(name + 9);
}

/* Behind what is there already. */
static int append(struct text *text, const struct text *more)
{
        char *bytes = realloc(text->bytes, text->length + more->length);

        if (!bytes) {
                return -ENOMEM;
        }
        memcpy(bytes + text->length, more->bytes, more->length);
        text->bytes = bytes;
        text->length += more->length;
        return 0;
}

/* Leaves out what is there already: on most systems the file has all that the directory has. */
static int append_new(struct text *text, int directory, const char *name)
{
        _cleanup_(clear_text) struct text one = { 0 };

        int r = append_file(&one, directory, name);
        if (r < 0) {
                return r == -ENOMEM || r == -EFBIG ? r : 0; /* libraries pass over what is none */
        }
        const char *begin = memmem(one.bytes, one.length, "-----BEGIN ", 11);
        size_t length = one.length - (size_t)(begin - one.bytes) - 1; /* without our line end */
        while (length > 0 && (begin[length - 1] == '\n' || begin[length - 1] == '\r')) {
                length--;
        }
        if (text->length > 0 && memmem(text->bytes, text->length, begin, length)) {
                return 0;
        }
        if (one.length >= MESSAGE_AUTHORITIES_MAX - text->length) {
                return -EFBIG;
        }
        return append(text, &one);
}

static void close_directory(DIR **directory)
{
        if (*directory) {
                (void)closedir(*directory);
        }
}

static int append_directory(struct text *text, const char *path)
{
        _cleanup_(close_directory) DIR *directory = opendir(path);
        const struct dirent *entry;
        int n = 0;

        if (!directory) {
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        }
        while (n < ENTRIES_MAX && (entry = readdir(directory))) {
                if (!is_hashed(entry->d_name)) {
                        continue;
                }
                int r = append_new(text, dirfd(directory), entry->d_name);
                if (r < 0) {
                        return r;
                }
                n++;
        }
        return 0;
}

/* ---- as a descriptor ---- */

static int seal(const struct text *text, int *ret)
{
        _cleanup_close_ int fd =
                memfd_create("eqp-authorities", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

        if (fd < 0) { /* a kernel that does not know the last flag */
                fd = memfd_create("eqp-authorities", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        }
        if (fd < 0) {
                return -errno;
        }
        for (size_t n = 0; n < text->length;) {
                ssize_t written = write(fd, text->bytes + n, text->length - n);
                if (written < 0) {
                        return -errno;
                }
                n += (size_t)written;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
                return -errno;
        }
        *ret = take_fd(fd);
        return 0;
}

/* ---- all of it ---- */

static int fail(char *why, const char *path, const char *cure, int r)
{
        const char *what = r == -ENODATA  ? "there is no certificate in it"
                           : r == -EFBIG  ? "more than 4 MiB of certificates are not taken"
                           : r == -EINVAL ? "not a regular file"
                                          : strerror(-r);

        (void)snprintf(why, AUTHORITY_FILES_WHY_MAX, "%.150s: %s%s", path, what, cure);
        return r;
}

/* Where libcurl was built to look. */
static const char *file_of(const curl_version_info_data *info)
{
        return info->age >= CURLVERSION_SEVENTH && info->cainfo ? info->cainfo : FILE_DEFAULT;
}

const char *authority_files_elsewhere(void)
{
        static const char *const places[] = {
                "/etc/pki/tls/certs/ca-bundle.crt", /* Fedora, RHEL and theirs */
                "/etc/ssl/ca-bundle.pem",           /* openSUSE */
                "/etc/ssl/cert.pem",                /* Alpine and others, beside Debian's */
        };

        if (access(file_of(curl_version_info(CURLVERSION_NOW)), F_OK) == 0) {
                return NULL;
        }
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                if (access(places[i], F_OK) == 0) {
                        return places[i];
                }
        }
        return NULL;
}

static int read_system(struct text *text, char *why)
{
        const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
        bool told = info->age >= CURLVERSION_SEVENTH;
        const char *file = authority_files_elsewhere() ?: file_of(info);
        const char *directory = told && info->capath ? info->capath : DIRECTORY_DEFAULT;

        int without = append_file(text, AT_FDCWD, file);
        if (without < 0 && without != -ENOENT) {
                return fail(why, file, " (install ca-certificates)", without);
        }
        int r = append_directory(text, directory);
        if (r < 0) {
                return fail(why, directory, "", r);
        }
        return text->length == 0
                       ? fail(why, file, " (install ca-certificates)", without < 0 ? without : -ENODATA)
                       : 0;
}

/* Both in one: the proxy's behind the others, if there are any. Their digest tells whether they are new. */
static int seal_both(struct text *text, const struct text *proxy, struct authority_bytes *ret)
{
        static const uint8_t no_salt[KEYED_SALT_SIZE] = { 0 }; /* they are no secret */

        if (proxy->length > 0) {
                int r = append(text, proxy);
                if (r < 0) {
                        return r;
                }
        }
        int r = keyed_digest(text->bytes, text->length, no_salt, ret->digest);
        return r < 0 ? r : seal(text, &ret->fd);
}

int authority_files_read(const char *ca_file, bool with_proxy, struct authority_bytes *ret,
                         char reterr_why[static AUTHORITY_FILES_WHY_MAX])
{
        _cleanup_(clear_text) struct text text = { 0 }, proxy = { 0 };

        int r = ca_file ? append_file(&text, AT_FDCWD, ca_file) : read_system(&text, reterr_why);
        if (r < 0) {
                return ca_file ? fail(reterr_why, ca_file, " (check ca_file)", r) : r;
        }
        if (with_proxy) {
                r = read_system(&proxy, reterr_why);
                if (r < 0) {
                        return r;
                }
        }
        size_t length = text.length;
        r = seal_both(&text, &proxy, ret);
        if (r < 0) {
                return fail(reterr_why, "a copy for the forwarder", "", r);
        }
        ret->length = length;
        ret->proxy_length = proxy.length;
        return 0;
}
