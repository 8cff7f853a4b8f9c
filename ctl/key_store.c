/* Key store: reading. A file is judged by the rules that the daemon has, so that it says here what
 * happens there; only links that lead out of the directory are not followed, as this may run as root on
 * behalf of the owner of the directory. For writing see key_writer.c. */
#include "ctl/key_store.h"

#include "ctl/complain.h"
#include "ctl/scope.h"
#include "lib/descriptor.h"
#include "lib/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX 128 /* the daemon looks at no more */

int key_file_name_read(struct key_file_name *ret_name, const char *text)
{
        struct key_file_name name = { 0 };
        int r;

        r = key_file_name_parse(text, name.environment, name.label);
        if (r < 0) {
                return r;
        }

        (void)snprintf(name.file, sizeof(name.file), "%s", text);
        *ret_name = name;
        return 0;
}

/* ---- the directory ---- */

int key_store_open(struct key_store *ret_store, const char *path)
{
        _cleanup_(key_store_close) struct key_store store = { .fd = -1 };
        int error;

        store.path = strdup(path);
        if (!store.path) {
                complain("Out of memory.");
                return -ENOMEM;
        }
        store.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store.fd < 0 && errno != ENOENT) {
                error = errno;
                complain("The directory of the keys, %s, cannot be opened: %s.%s", path, strerror(error),
                         error != EACCES || scope_is_user()
                                 ? ""
                                 : " It is the daemon's alone: run this as root. For a broker of your own "
                                   "instead: "
                                   "systemctl --user enable --now eqp-brokerd.socket");
                return -error;
        }
        if (store.fd >= 0 && fstat(store.fd, &store.status) < 0) {
                error = errno;
                complain("The directory of the keys, %s, cannot be examined: %s.", path, strerror(error));
                return -error;
        }

        *ret_store = store;
        store = (struct key_store){ .fd = -1 };
        return 0;
}

void key_store_close(struct key_store *store)
{
        close_fd(&store->fd);
        free(store->path);
        store->path = NULL;
}

/* ---- one file ---- */

/* Follows links within the directory (Kubernetes has some), not those that lead out of it. */
static int open_file(int directory_fd, const char *file)
{
        const struct open_how how = {
                .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        };
        int fd;

        fd = (int)syscall(SYS_openat2, directory_fd, file, &how, sizeof(how));
        if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
                fd = openat(directory_fd, file, (int)how.flags | O_NOFOLLOW);
        }

        return fd;
}

static void read_key(struct key_entry *entry, int fd)
{
        _cleanup_secret_ char *text = secret_alloc(ACCESS_KEY_TEXT_MAX + 1);
        const char *why = "out of memory";
        ssize_t length;

        if (!text) {
                (void)snprintf(entry->reason, sizeof(entry->reason), "%s", why);
                return;
        }
        length = read_fully(fd, text, ACCESS_KEY_TEXT_MAX + 1);
        if (length < 0) {
                (void)snprintf(entry->reason, sizeof(entry->reason), "it cannot be read: %s",
                               strerror((int)-length));
        } else if (access_key_parse(text, (size_t)length, &entry->key, &why) < 0) {
                (void)snprintf(entry->reason, sizeof(entry->reason), "%s", why);
        }
}

static void examine(struct key_entry *entry, int directory_fd, const char *file, bool relaxed)
{
        _cleanup_close_ int fd = open_file(directory_fd, file);
        int error = errno;

        if (fd < 0) {
                /* The directory itself is better than nothing. */
                entry->examined = fstatat(directory_fd, file, &entry->status, AT_SYMLINK_NOFOLLOW) == 0;
                entry->elsewhere = error == ELOOP || error == EXDEV;
                if (entry->elsewhere) {
                        (void)snprintf(entry->reason, sizeof(entry->reason),
                                       "it is a link that leads out of the directory: eqpctl does not "
                                       "follow it (the daemon does)");
                } else {
                        (void)snprintf(entry->reason, sizeof(entry->reason), "it cannot be opened: %s",
                                       strerror(error));
                }
                return;
        }
        entry->examined = fstat(fd, &entry->status) == 0;
        if (!entry->examined) {
                (void)snprintf(entry->reason, sizeof(entry->reason), "it cannot be examined: %s",
                               strerror(errno));
        } else if (key_file_check(S_ISREG(entry->status.st_mode), entry->status.st_mode,
                                  (uint64_t)entry->status.st_size, relaxed, entry->reason,
                                  sizeof(entry->reason)) == 0) {
                read_key(entry, fd);
        }
}

/* ---- all files ---- */

static int may_be_key(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void set_shown_name(struct key_entry *entry, const char *file)
{
        size_t length = MIN_OF(strlen(file), sizeof(entry->file) - 1);

        for (size_t i = 0; i < length; i++) {
                entry->file[i] = file[i] > 0x20 && file[i] < 0x7f ? file[i] : '?';
        }
        entry->file[length] = '\0';
}

/* Is it one too many, or the same as another of its environment? */
static void compare_with_others(const struct key_entries *before, struct key_entry *entry)
{
        size_t n = 0;

        for (size_t i = 0; i < before->n; i++) {
                const struct key_entry *other = &before->entries[i];

                if (!streq(other->environment, entry->environment) || other->reason[0] != '\0') {
                        continue;
                }
                n++;
                if (access_key_equal(other->key, entry->key)) {
                        (void)snprintf(entry->reason, sizeof(entry->reason),
                                       "it holds the same key as %s: remove one of the two", other->file);
                        return;
                }
        }
        if (n >= KEYS_PER_ENVIRONMENT_MAX) {
                (void)snprintf(entry->reason, sizeof(entry->reason),
                               "%s has %d keys already, as many as the upstream gives out: remove the "
                               "file, or one before it",
                               entry->environment, KEYS_PER_ENVIRONMENT_MAX);
        }
}

static void read_entry(const struct key_store *store, const struct settings *settings, const char *file,
                       struct key_entries *entries)
{
        struct key_entry *entry = &entries->entries[entries->n];

        set_shown_name(entry, file);
        if (key_file_name_parse(file, entry->environment, entry->label) < 0) {
                entry->environment[0] = '\0';
                entry->label[0] = '\0';
        }
        examine(entry, store->fd, file, settings && settings->key_permissions_relaxed);
        if (entry->environment[0] == '\0') {
                (void)snprintf(entry->reason, sizeof(entry->reason),
                               "its name is not ENVIRONMENT or ENVIRONMENT.LABEL: rename or remove it");
        } else if (settings && !settings_environment(settings, entry->environment)) {
                (void)snprintf(entry->reason, sizeof(entry->reason),
                               "there is no environment of that name: add a section [environment %s] with "
                               "its base_url, or rename the file",
                               entry->environment);
        } else if (entry->key) {
                compare_with_others(entries, entry);
        }
        entries->n++;
}

static int fill(const struct key_store *store, const struct settings *settings, struct dirent **files,
                size_t n, struct key_entries *ret_entries)
{
        struct key_entries entries = { 0 };

        entries.entries = calloc(MAX_OF(n, (size_t)1), sizeof(*entries.entries));
        if (!entries.entries) {
                complain("Out of memory.");
                return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++) {
                read_entry(store, settings, files[i]->d_name, &entries);
        }

        *ret_entries = entries;
        return 0;
}

int key_store_read(const struct key_store *store, const struct settings *settings,
                   struct key_entries *ret_entries)
{
        struct dirent **files = NULL;
        int n = 0, r;

        if (store->fd >= 0) {
                n = scandirat(store->fd, ".", &files, may_be_key, by_name);
        }
        if (n < 0) {
                r = -errno;
                complain("The directory of the keys, %s, cannot be read: %s.", store->path, strerror(-r));
                return r;
        }
        if (n > FILES_MAX) {
                complain("There are more than %d files in %s: the rest was not looked at.", FILES_MAX,
                         store->path);
        }
        r = fill(store, settings, files, (size_t)MIN_OF(n, FILES_MAX), ret_entries);
        for (int i = 0; i < n; i++) {
                free(files[i]);
        }
        free(files);
        return r;
}

void key_entries_free(struct key_entries *entries)
{
        for (size_t i = 0; i < entries->n; i++) {
                entries->entries[i].key = access_key_free(entries->entries[i].key);
        }
        free(entries->entries);
        *entries = (struct key_entries){ 0 };
}

const struct key_entry *key_entries_find(const struct key_entries *entries, const char *file)
{
        for (size_t i = 0; i < entries->n; i++) {
                if (streq(entries->entries[i].file, file)) {
                        return &entries->entries[i];
                }
        }

        return NULL;
}
