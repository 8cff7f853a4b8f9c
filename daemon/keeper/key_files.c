/* The access keys of all environments, read from files and watched.
 *
 * Every load builds a new list beside the old one: a key that is still the same moves over with its serial,
 * a changed one gets a new serial, and what is left behind of the old list is put aside ("retired") until
 * nobody wants it. */
#include "daemon/keeper/key_files.h"

#include "daemon/base/journal.h"
#include "daemon/keeper/held_keys.h"
#include "daemon/keeper/key_directory.h"
#include "daemon/keeper/key_scan.h"
#include "daemon/keeper/key_view.h"
#include "daemon/keeper/key_watch.h"
#include "lib/places.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

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

/* ---- loading ---- */

/* Makes ready to scan, and says where. */
static int begin(const struct key_files *files, struct key_scan *scan, char **ret_directory)
{
        int r = key_refusals_new(&scan->refusals);

        return r < 0 ? r
                     : key_directory_choose(files->directory, files->usual, files->known, files->userdata,
                                            ret_directory);
}

void key_files_load(struct key_files *files)
{
        struct key_scan scan = { .relaxed = files->relaxed,
                                 .known = files->known,
                                 .userdata = files->userdata,
                                 .watch = files->watch,
                                 .last_serial = &files->last_serial,
                                 .before = &files->present,
                                 .retired = &files->retired };
        char *directory = NULL;

        int r = begin(files, &scan, &directory);
        if (r < 0) {
                key_refusals_clear(&scan.refusals);
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "the keys are not read, and stay as they were: %s", strerror(-r));
                (void)key_watch_retry(files->watch, r);
                return;
        }
        free(files->directory_in_use);
        files->directory_in_use = directory;
        scan.directory = directory;
        key_scan_run(&scan);
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

int64_t key_files_written_sec(const struct key_files *files, uint64_t serial)
{
        const struct held_key *held = held_keys_find(&files->present, serial);
        bool known = held && !key_directory_is_shared(files->directory_in_use);

        return known ? held->changed.tv_sec : 0;
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
