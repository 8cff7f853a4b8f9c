/* One reading of the directory of keys.
 *
 * A key that is still the same moves over with its serial, a changed one gets a new serial; where a file
 * gives no key now, the one that was read from it before stays. */
#include "daemon/keeper/key_scan.h"

#include "daemon/keeper/key_file.h"
#include "lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is there room for one more key of this environment, and is it not the same as another file's? */
static bool acceptable(struct key_scan *scan, const char *file, const char *environment, const char *label,
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
static int hold(struct key_scan *scan, const char *environment, const char *label, struct access_key *key,
                const struct stat *status)
{
        struct held_key *held = held_keys_take(scan->before, environment, label, key);

        if (!held) {
                held = held_keys_take(scan->retired, environment, label, key);
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
                held->serial = ++*scan->last_serial;
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
static void note_error(struct key_scan *scan, int error)
{
        struct key_refusals *refusals = &scan->refusals;

        if (refusals->n > 0) {
                struct key_refusal *refusal = &refusals->list[refusals->n - 1];
                refusal->denied = error == -EACCES || error == -EPERM;
                refusal->passes = key_watch_retry(scan->watch, error) || error == -ENOENT;
        }
}

/* The file gives no key now: the one that was read from it before stays. */
static void keep_old(struct key_scan *scan, const char *file, const char *environment, const char *label,
                     const char *reason, int error)
{
        struct held_key *old = held_keys_take(scan->before, environment, label, NULL);

        key_refusals_add(&scan->refusals, file, environment, "%s%s", reason,
                         old ? " (the key read from it before stays in use)" : "");
        note_error(scan, error);
        if (old) {
                old->rewritten = false;
                held_keys_append(&scan->present, old);
        }
}

static void scan_file(struct key_scan *scan, int directory_fd, const char *name)
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
        if (!scan->known(environment, scan->userdata)) {
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
        int r = key_file_read(directory_fd, name, scan->relaxed, &key, &status, reason, sizeof(reason));
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
static void refuse_directory(struct key_scan *scan, const char *what)
{
        struct held_keys *present = scan->before;
        int error = errno;

        key_refusals_add(&scan->refusals, ".", "", "the directory cannot be %s: %s%s", what, strerror(error),
                         present->first ? " (the keys read before stay in use)" : "");
        note_error(scan, -error);
        held_keys_move(&scan->present, present);
}

static void scan_files(struct key_scan *scan, int directory_fd)
{
        struct dirent **entries = NULL;
        int n = scandirat(directory_fd, ".", &entries, key_directory_may_be_key, by_name);

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
                        key_watch_file(scan->watch, scan->directory, entries[i]->d_name);
                        scan_file(scan, directory_fd, entries[i]->d_name);
                }
                free(entries[i]);
        }
        free(entries);
}

void key_scan_run(struct key_scan *scan)
{
        scan->shared = key_directory_is_shared(scan->directory);
        /* Watch first, then read: a change in between is seen. */
        key_watch_begin(scan->watch, scan->directory);
        int directory_fd = open(scan->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory_fd < 0) {
                refuse_directory(scan, "opened");
        } else {
                scan_files(scan, directory_fd);
                (void)close(directory_fd);
        }
        key_watch_end(scan->watch, scan->directory);
}
