/* The access keys of all environments, read from files and watched.
 *
 * Every load builds a new list beside the old one: a key that is still the same moves over with its serial,
 * a changed one gets a new serial, and what is left behind of the old list is put aside ("retired") until
 * nobody wants it. */
#include "daemon/keeper/key_files.h"

#include "daemon/base/journal.h"
#include "daemon/keeper/held_keys.h"
#include "daemon/keeper/key_directory.h"
#include "daemon/keeper/key_file.h"
#include "daemon/keeper/key_view.h"
#include "daemon/keeper/key_watch.h"
#include "lib/places.h"
#include "lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct key_files {
        char *directory; /* as configured, NULL for the default */
        char usual[PLACES_PATH_MAX];
        char *directory_in_use;
        bool relaxed;
        key_directory_known_fn known;
        key_files_changed_fn changed;
        void *userdata;
        struct key_watch *watch;
        uint64_t last_serial;
        struct held_keys present; /* in order of the files' names */
        struct held_keys retired;
        struct key_refusals refusals;
};

/* ---- one scan ---- */

struct scan {
        struct key_files *files;
        int directory_fd;
        bool shared; /* with files that are no keys */
        struct held_keys present;
        struct key_refusals refusals;
};

/* Is there room for one more key of this environment, and is it not the same as another file's? */
static bool acceptable(struct scan *scan, const char *file, const char *environment, const char *label,
                       const struct access_key *key)
{
        size_t n = 0;

        for (const struct held_key *held = scan->present.first; held; held = held->next) {
                if (!streq(held->environment, environment)) {
                        continue;
                }
                n++;
                if (streq(held->label, label)) {
                        key_refusals_add(
                                &scan->refusals, file, environment,
                                "another file gives a key of this name: remove or rename one of the two");
                        return false;
                }
                if (access_key_equal(held->key, key)) {
                        key_refusals_add(&scan->refusals, file, environment,
                                         "it holds the same key as %s%s%s: remove one of the two",
                                         environment, *held->label ? "." : "", held->label);
                        return false;
                }
        }
        if (n >= KEYS_PER_ENVIRONMENT_MAX) {
                key_refusals_add(
                        &scan->refusals, file, environment,
                        "%s has %d keys already, as many as the upstream gives out: remove the file, or one "
                        "before it",
                        environment, KEYS_PER_ENVIRONMENT_MAX);
                return false;
        }
        return true;
}

/* The file gives a key: the one known already, or a new one. Takes the key over. -ENOMEM: it is not held. */
static int hold(struct scan *scan, const char *environment, const char *label, struct access_key *key,
                const struct stat *status)
{
        struct key_files *files = scan->files;
        struct held_key *held = held_keys_take(&files->present, environment, label, key);

        if (!held) {
                held = held_keys_take(&files->retired, environment, label, key);
        }
        if (held) {
                (void)access_key_free(key);
                held->rewritten = held->inode != status->st_ino ||
                                  held->changed.tv_sec != status->st_mtim.tv_sec ||
                                  held->changed.tv_nsec != status->st_mtim.tv_nsec;
        } else {
                held = calloc(1, sizeof(*held));
                if (!held) {
                        (void)access_key_free(key);
                        return -ENOMEM;
                }
                held->serial = ++files->last_serial;
                held->key = key;
                (void)snprintf(held->environment, sizeof(held->environment), "%s", environment);
                (void)snprintf(held->label, sizeof(held->label), "%s", label);
        }
        held->changed = status->st_mtim;
        held->inode = status->st_ino;
        held_keys_append(&scan->present, held);
        return 0;
}

/* The error of the latest refusal. */
static void note_error(struct scan *scan, int error)
{
        struct key_refusals *refusals = &scan->refusals;

        if (refusals->n > 0) {
                struct key_refusal *refusal = &refusals->list[refusals->n - 1];
                refusal->denied = error == -EACCES || error == -EPERM;
                refusal->passes = key_watch_retry(scan->files->watch, error) || error == -ENOENT;
        }
}

/* The file gives no key now: the one that was read from it before stays. */
static void keep_old(struct scan *scan, const char *file, const char *environment, const char *label,
                     const char *reason, int error)
{
        struct held_key *old = held_keys_take(&scan->files->present, environment, label, NULL);

        key_refusals_add(&scan->refusals, file, environment, "%s%s", reason,
                         old ? " (the key read from it before stays in use)" : "");
        note_error(scan, error);
        if (old) {
                old->rewritten = false;
                held_keys_append(&scan->present, old);
        }
}

static void scan_file(struct scan *scan, const char *name)
{
        char environment[ENVIRONMENT_NAME_MAX + 1], label[KEY_LABEL_MAX + 1], reason[KEY_FILE_REASON_MAX];
        struct access_key *key = NULL;
        struct stat status;

        if (key_directory_name_parse(scan->shared, name, environment, label) < 0) {
                if (!scan->shared) {
                        key_refusals_add(
                                &scan->refusals, name, "",
                                "its name is not ENVIRONMENT or ENVIRONMENT.LABEL: rename or remove it");
                }
                return;
        }
        if (!scan->files->known(environment, scan->files->userdata)) {
                if (scan->shared) {
                        return;
                }
                key_refusals_add(
                        &scan->refusals, name, "",
                        "there is no environment of that name: add a section [environment %s] with its "
                        "base_url, or rename the file",
                        environment);
                return;
        }
        int r = key_file_read(scan->directory_fd, name, scan->files->relaxed, &key, &status, reason,
                              sizeof(reason));
        if (r < 0) {
                keep_old(scan, name, environment, label, reason, r);
                return;
        }
        if (!acceptable(scan, name, environment, label, key)) {
                (void)access_key_free(key);
                return;
        }
        r = hold(scan, environment, label, key, &status);
        if (r < 0) {
                keep_old(scan, name, environment, label, "out of memory", r);
        }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* Nothing is known of the files: the keys stay as they are. */
static void refuse_directory(struct scan *scan, const char *what)
{
        struct held_keys *present = &scan->files->present;
        int error = errno;

        key_refusals_add(&scan->refusals, ".", "", "the directory cannot be %s: %s%s", what, strerror(error),
                         present->first ? " (the keys read before stay in use)" : "");
        note_error(scan, -error);
        held_keys_move(&scan->present, present);
}

static void scan_directory(struct scan *scan)
{
        struct dirent **entries = NULL;
        int n = scandirat(scan->directory_fd, ".", &entries, key_directory_may_be_key, by_name);

        if (n < 0) {
                refuse_directory(scan, "read");
        }
        for (int i = 0; i < n; i++) {
                if (i == KEY_FILES_MAX) {
                        key_refusals_add(
                                &scan->refusals, entries[i]->d_name, "",
                                "there are more than %d files in the directory: the rest was not looked at",
                                KEY_FILES_MAX);
                }
                if (i < KEY_FILES_MAX) {
                        if (entries[i]->d_type == DT_LNK || entries[i]->d_type == DT_UNKNOWN) {
                                key_watch_link(scan->files->watch, scan->files->directory_in_use,
                                               entries[i]->d_name);
                        }
                        scan_file(scan, entries[i]->d_name);
                }
                free(entries[i]);
        }
        free(entries);
}

/* ---- loading ---- */

/* Makes ready to scan, and says where. */
static int begin(struct scan *scan, char **ret_directory)
{
        const struct key_files *files = scan->files;
        int r = key_refusals_new(&scan->refusals);

        return r < 0 ? r
                     : key_directory_choose(files->directory, files->usual, files->known, files->userdata,
                                            ret_directory);
}

void key_files_load(struct key_files *files)
{
        struct scan scan = { .files = files };
        char *directory = NULL;

        int r = begin(&scan, &directory);
        if (r < 0) {
                key_refusals_clear(&scan.refusals);
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "the keys are not read, and stay as they were: %s", strerror(-r));
                (void)key_watch_retry(files->watch, r);
                return;
        }
        free(files->directory_in_use);
        files->directory_in_use = directory;
        scan.shared = key_directory_is_shared(directory);
        /* Watch first, then read: a change in between is seen. */
        key_watch_begin(files->watch, files->directory_in_use);
        scan.directory_fd = open(files->directory_in_use, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (scan.directory_fd < 0) {
                refuse_directory(&scan, "opened");
        } else {
                scan_directory(&scan);
                (void)close(scan.directory_fd);
        }
        key_watch_end(files->watch, files->directory_in_use);
        key_refusals_tell(&scan.refusals, &files->refusals, files->directory_in_use);

        held_keys_move(&files->retired, &files->present); /* keys that no file gave again */
        files->present = scan.present;
        key_refusals_clear(&files->refusals);
        files->refusals = scan.refusals;
}

static void on_watch(void *userdata)
{
        struct key_files *files = userdata;
        key_files_load(files);
        files->changed(files->userdata);
}

bool key_files_look(struct key_files *files)
{
        bool sure = key_watch_is_sure(files->watch);

        if (!sure) {
                on_watch(files);
        }
        return !sure;
}

/* ---- what the others ask ---- */

size_t key_files_names(struct key_files *files, const char *environment,
                       struct key_name ret[static KEYS_PER_ENVIRONMENT_MAX])
{
        size_t n = 0;

        for (struct held_key *held = files->present.first; held && n < KEYS_PER_ENVIRONMENT_MAX;
             held = held->next) {
                if (streq(held->environment, environment)) {
                        ret[n] = (struct key_name){ .serial = held->serial, .rewritten = held->rewritten };
                        memcpy(ret[n++].label, held->label, sizeof(held->label));
                        held->rewritten = false; /* told once */
                }
        }
        return n;
}

const struct access_key *key_files_find(const struct key_files *files, uint64_t serial)
{
        const struct held_key *held = held_keys_find(&files->present, serial);

        if (!held) {
                held = held_keys_find(&files->retired, serial);
        }
        return held ? held->key : NULL;
}

size_t key_files_present(const struct key_files *files, const char *environment,
                         const struct access_key *ret[static KEYS_PER_ENVIRONMENT_MAX])
{
        return held_keys_of(&files->present, environment, ret);
}

void key_files_retain(struct key_files *files, const char *environment, const uint64_t *serials, size_t n)
{
        held_keys_retain(&files->retired, environment, serials, n);
}

const struct key_refusals *key_files_refusals(const struct key_files *files)
{
        return &files->refusals;
}

int key_files_view(const struct key_files *files, struct keys_view **ret)
{
        return key_view_new(ret, key_files_directory(files), &files->present, &files->retired,
                            &files->refusals);
}

const char *key_files_directory(const struct key_files *files)
{
        return files->directory_in_use ? files->directory_in_use : files->usual;
}

/* ---- life ---- */

int key_files_configure(struct key_files *files, const char *directory, const char *usual, bool relaxed)
{
        char *copy = NULL;

        if (directory) {
                copy = strdup(directory);
                if (!copy) {
                        return -ENOMEM;
                }
        }
        free(files->directory);
        files->directory = copy;
        (void)snprintf(files->usual, sizeof(files->usual), "%s", usual);
        files->relaxed = relaxed;
        return 0;
}

static void free_files(struct key_files **files)
{
        *files = key_files_free(*files);
}

int key_files_new(struct key_files **ret, sd_event *event, const char *directory, const char *usual,
                  bool relaxed, key_directory_known_fn known, key_files_changed_fn changed, void *userdata)
{
        _cleanup_(free_files) struct key_files *files = calloc(1, sizeof(*files));
        if (!files) {
                return -ENOMEM;
        }
        files->known = known;
        files->changed = changed;
        files->userdata = userdata;
        int r = key_files_configure(files, directory, usual, relaxed);
        if (r < 0) {
                return r;
        }
        r = key_watch_new(&files->watch, event, on_watch, files);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(files);
        return 0;
}

struct key_files *key_files_free(struct key_files *files)
{
        if (files) {
                files->watch = key_watch_free(files->watch);
                held_keys_clear(&files->present);
                held_keys_clear(&files->retired);
                key_refusals_clear(&files->refusals);
                free(files->directory_in_use);
                free(files->directory);
                free(files);
        }
        return NULL;
}
