/* The access keys of all environments, read from files and watched. This alone holds them.
 *
 * A file's name says whose key it is (lib/names.h). Each distinct content gets a serial, by which the rest
 * of the daemon knows it. A key whose file changed is held on until key_files_retain() says that it is not
 * wanted any more; a file that went bad changes nothing, but is told of. */
#pragma once

#include "daemon/keeper/key_directory.h"
#include "daemon/keeper/key_refusals.h"
#include "lib/access_key.h"
#include "lib/keyring.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct key_files;

/* The files were read again: ask key_files_names() for each environment. */
typedef void (*key_files_changed_fn)(void *userdata);

/* directory: NULL for the default ($CREDENTIALS_DIRECTORY if it holds a key file, else the usual one). Reads
 * nothing yet. -ENOMEM. */
int key_files_new(struct key_files **ret, sd_event *event, const char *directory, const char *usual,
                  bool relaxed, key_directory_known_fn known, key_files_changed_fn changed, void *userdata);
/* NULL is fine; returns NULL. */
struct key_files *key_files_free(struct key_files *files);

/* Other settings from now on; they count from the next key_files_load(). -ENOMEM. */
int key_files_configure(struct key_files *files, const char *directory, const char *usual, bool relaxed);

/* Reads the directory and watches it from now on. Troubles are logged and kept as refusals; the changed
 * function is not called. */
void key_files_load(struct key_files *files);

/* Before an exchange: reads again if the files may have changed unnoticed, as they cannot be watched; then
 * the changed function is called, and true is returned. */
bool key_files_look(struct key_files *files);

/* The keys of an environment, in name order; returns how many. That a file was written again is told once.
 */
size_t key_files_names(struct key_files *files, const char *environment,
                       struct key_name ret[static KEYS_PER_ENVIRONMENT_MAX]);

/* The key itself, for the exchange alone; NULL: it is not held (any more). */
const struct access_key *key_files_find(const struct key_files *files, uint64_t serial);

/* When the file of this key was written, by the wall clock; 0: it is not held, or a credential, which the
 * service manager writes at each start. */
int64_t key_files_written_sec(const struct key_files *files, uint64_t serial);

/* The keys of an environment whose files are there, in name order, until the next reading; returns how many.
 */
size_t key_files_present(const struct key_files *files, const char *environment,
                         const struct access_key *ret[static KEYS_PER_ENVIRONMENT_MAX]);

/* Of the keys of this environment whose files are gone or changed, lets go all but these. */
void key_files_retain(struct key_files *files, const char *environment, const uint64_t *serials, size_t n);

/* The refusals of the latest reading. */
const struct key_refusals *key_files_refusals(const struct key_files *files);

/* The part of the latest reading that others may know, the caller's; the digests get a salt of their own.
 * -ENOMEM, or what getrandom(2) and the library say. */
int key_files_view(const struct key_files *files, struct keys_view **ret);

/* The directory in use; until one could be chosen, the default. */
const char *key_files_directory(const struct key_files *files);
