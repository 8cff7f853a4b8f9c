/* Doctor, keys: access to the directory, and faults of the files. Where this user may not look,
 * the report says so; the daemon's view is shown with the environments. */
#include "ctl/configuration.h"
#include "ctl/daemon_status.h"
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "ctl/key_leftovers.h"
#include "ctl/key_owner.h"
#include "ctl/key_store.h"
#include "ctl/scope.h"
#include "ctl/text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION "keys"
#define GROUP   "eqp-broker"

#define PATH_SHOWN_MAX 256

/* May callers read it by being in their group, or everybody? */
static bool is_open_to_callers(const struct stat *status)
{
        const struct group *group = getgrnam(GROUP);

        return (status->st_mode & 0007) != 0 ||
               ((status->st_mode & 0040) != 0 && group && group->gr_gid == status->st_gid);
}

/* ---- the directory ---- */

static void examine_directory(struct doctor *doctor, const char *path, const struct stat *status)
{
        char name[OWNER_NAME_MAX], what[512], cure[1024];

        doctor_fact(doctor, SECTION, "owner and mode", "%s, %04o", owner_role(status->st_uid, name),
                    (unsigned)status->st_mode & 07777);
        if (doctor->user) {
                (void)snprintf(cure, sizeof(cure), "chmod 0700 %s", path);
        } else {
                (void)snprintf(cure, sizeof(cure), "chown eqp-broker: %s; chmod 0700 %s", path, path);
        }
        if (is_open_to_callers(status) || (status->st_mode & 0022) != 0) {
                (void)snprintf(
                        what, sizeof(what),
                        "Users other than the daemon's can enter the directory of the keys (mode %04o).",
                        (unsigned)status->st_mode & 07777);
                doctor_find(doctor, "keys_directory_open", what,
                            "Callers, or all users, get nearer to the keys than need be: a key opens the "
                            "account for good.",
                            cure);
        }
        if (!doctor->as_daemon && !daemon_user_may_read(status)) {
                doctor_find(doctor, "keys_directory_closed",
                            "The user eqp-broker may not read the directory of the keys.",
                            "The daemon runs as this user and finds no key.", cure);
        }
}

/* ---- the files ---- */

/* The daemon says what came of following it; but what its unit does not show it, it has no word for. */
static void examine_link(struct doctor *doctor, const struct key_store *store, const struct key_entry *entry)
{
        const char *reason = daemon_status_refusal(doctor->status, entry->file);
        char path[PATH_MAX + sizeof(entry->file)], what[1024];

        (void)snprintf(path, sizeof(path), "%s/%s", store->path, entry->file);
        if (!doctor->user && !doctor_unit_shows(path)) {
                (void)snprintf(what, sizeof(what), "The service does not see the target of the key file %s.",
                               entry->file);
                doctor_find(doctor, "key_file_unseen", what,
                            "Its unit shows it /etc, /usr and little else, so it cannot use the key.",
                            "Have the key itself there, as eqpctl key set does. Where the target has to "
                            "stay, name its directory in a drop-in of the unit: BindReadOnlyPaths=");
        } else if (reason) {
                (void)snprintf(what, sizeof(what), "The key file %s is not used: %s.", entry->file, reason);
                doctor_find(doctor, "key_file_unfit", what,
                            "Its key cannot stand in when another is refused.",
                            "See what the reason says, and: eqpctl key list");
        }
}

static void examine_file(struct doctor *doctor, const struct key_store *store, const struct key_entry *entry)
{
        char name[OWNER_NAME_MAX], what[1024];

        doctor_fact(doctor, SECTION, entry->file, "%s, %04o, %s",
                    entry->examined ? owner_role(entry->status.st_uid, name) : "?",
                    entry->examined ? (unsigned)entry->status.st_mode & 07777 : 0,
                    entry->reason[0] != '\0' ? entry->reason : "fit for use");
        if (entry->elsewhere) {
                examine_link(doctor, store, entry);
                return;
        }
        if (entry->reason[0] != '\0') {
                (void)snprintf(what, sizeof(what), "The key file %s is not used: %s.", entry->file,
                               entry->reason);
                doctor_find(doctor, "key_file_unfit", what,
                            "Its key cannot stand in when another is refused.",
                            "See what the reason says, and: eqpctl key list");
                return;
        }
        if (!doctor->as_daemon && !daemon_user_may_read(&entry->status)) {
                (void)snprintf(what, sizeof(what), "The user eqp-broker may not read the key file %s.",
                               entry->file);
                doctor_find(doctor, "key_file_closed", what,
                            "The daemon runs as this user and cannot use the key.",
                            "Give it the owner of the directory, mode 0600; eqpctl key set does.");
        }
        if (is_open_to_callers(&entry->status)) {
                (void)snprintf(what, sizeof(what),
                               "Users who may have tokens may also read the key file %s (mode %04o).",
                               entry->file, (unsigned)entry->status.st_mode & 07777);
                doctor_find(doctor, "key_file_open", what,
                            "The group eqp-broker is for callers. A token ends after hours, a key does not.",
                            "chown eqp-broker: and chmod 0600 the file.");
        }
}

static const char *base_url_of(const struct doctor *doctor, const char *environment)
{
        const struct environment_settings *settings =
                doctor->settings ? settings_environment(doctor->settings, environment) : NULL;

        return settings ? settings->base_url : NULL;
}

/* One of them must be in the wrong place. */
static void find_same_key(struct doctor *doctor, const struct key_entries *entries, size_t i)
{
        const struct key_entry *entry = &entries->entries[i];
        const char *url = base_url_of(doctor, entry->environment);
        char what[1024];

        for (size_t j = 0; j < i; j++) {
                const struct key_entry *other = &entries->entries[j];
                const char *other_url = base_url_of(doctor, other->environment);

                if (!entry->key || !other->key || !url || !other_url || streq(url, other_url) ||
                    !access_key_equal(entry->key, other->key)) {
                        continue;
                }
                (void)snprintf(what, sizeof(what), "%s and %s hold the same key.", other->file, entry->file);
                doctor_find(doctor, "key_in_two_environments", what,
                            "Keys of one environment never work in another: one of the two is refused at "
                            "every try.",
                            "Make a key in the other environment's own portal, and put it there: eqpctl key "
                            "set");
        }
}

static void examine_files(struct doctor *doctor, const struct key_store *store)
{
        _cleanup_(key_entries_free) struct key_entries entries = { 0 };

        if (key_store_read(store, doctor->settings, &entries) < 0) {
                return;
        }
        if (key_leftovers_count(store) > 0) {
                doctor_find(doctor, "key_leftover",
                            "There are hidden files " KEY_ASIDE_PREFIX
                            "* in the directory of the keys, which a key set left that was killed.",
                            "Each may hold a whole key that has been forgotten.",
                            "Remove them; the next eqpctl key set does.");
        }
        for (size_t i = 0; i < entries.n; i++) {
                examine_file(doctor, store, &entries.entries[i]);
                find_same_key(doctor, &entries, i);
        }
        if (entries.n == 0) {
                doctor_find(doctor, "no_key", "There is no key file.", "Without a key there are no tokens.",
                            "As root: eqpctl key set sandbox (or production)");
        }
}

/* ---- keys that come from the service manager ---- */

/* Files in the usual place that nobody reads. */
static void find_unused(struct doctor *doctor, const char *path)
{
        _cleanup_(key_store_close) struct key_store store = { .fd = -1 };
        _cleanup_(key_entries_free) struct key_entries entries = { 0 };
        char what[1024], cure[1024];

        if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) < 0 || key_store_open(&store, path) < 0 ||
            key_store_read(&store, doctor->settings, &entries) < 0 || entries.n == 0) {
                return;
        }

        (void)snprintf(
                what, sizeof(what),
                "The daemon has its keys as credentials of its unit, and does not look at those in %s.",
                path);
        (void)snprintf(
                cure, sizeof(cure),
                "Put all keys into one place: add LoadCredential= for those files, and remove them; or set "
                "keys_directory = %s.",
                path);
        doctor_find(doctor, "keys_unused", what,
                    "A key that eqpctl key set writes there is not used, and a spare there is none.", cure);
}

/* Access to them is the manager's business. The keys themselves are reported with the environments. */
static void examine_credentials(struct doctor *doctor, const char *path)
{
        doctor_fact(doctor, SECTION, "files", "credentials of the daemon's unit (LoadCredential=)");
        find_unused(doctor, path);
}

void doctor_examine_keys(struct doctor *doctor)
{
        _cleanup_(key_store_close) struct key_store store = { .fd = -1 };
        const char *path;
        struct places places;
        char in_use[PATH_SHOWN_MAX];
        struct stat status;

        scope_places(&places);
        path = doctor->settings ? configuration_keys_directory(doctor->settings) : places.keys;
        text_clean(in_use, sizeof(in_use), field_text(doctor->status, "keys_directory"),
                   /* unicode= */ true);
        doctor_fact(doctor, SECTION, "directory", "%s", in_use[0] != '\0' ? in_use : path);
        if (in_use[0] != '\0' && !streq(in_use, path)) {
                doctor_fact(doctor, SECTION, "directory configured", "%s", path);
        }
        if (field_truth(doctor->status, "keys_are_credentials")) {
                examine_credentials(doctor, path);
                return;
        }
        if (in_use[0] != '\0') {
                path = in_use;
        }
        if (stat(path, &status) < 0) {
                int error = errno;

                doctor_fact(doctor, SECTION, "owner and mode", "%s", strerror(error));
                if (error == ENOENT && !doctor->status) {
                        doctor_find(doctor, "no_keys_directory", "The directory of the keys is missing.",
                                    "Without a key there are no tokens.",
                                    "As root: eqpctl key set sandbox (or production)");
                }
                return;
        }
        examine_directory(doctor, path, &status);
        if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) < 0) {
                doctor_fact(doctor, SECTION, "files", "not looked at: %s (root may)", strerror(errno));
        } else if (key_store_open(&store, path) == 0) {
                examine_files(doctor, &store);
        }
}
