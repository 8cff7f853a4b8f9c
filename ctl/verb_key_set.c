/* Verb key set: from a person's hands, or a pipe, into a key file: asked for, checked, tried, written, and
 * taken up by the daemon. Nothing is written before the last step but one, and the key stands in secret
 * memory only. */
#include "ctl/complain.h"
#include "ctl/daemon_proxy.h"
#include "ctl/key_account.h"
#include "ctl/key_owner.h"
#include "ctl/key_place.h"
#include "ctl/key_takeup.h"
#include "ctl/key_trial.h"
#include "ctl/key_writer.h"
#include "ctl/prompt.h"
#include "ctl/verbs.h"
#include "lib/descriptor.h"
#include "lib/secret.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading the key ---- */

/* Both parts from the terminal, as one line. Its length, or a negative errno after saying why. */
static ssize_t ask_for_key(const struct key_file_name *name, char *text, size_t size)
{
        size_t id_size = MIN_OF(size, (size_t)APPLICATION_ID_MAX + 2);
        ssize_t length, secret_length;

        (void)fprintf(stderr, "The access key for %s, as the portal shows it.\n", name->file);
        length = prompt_line("Application ID: ", /* echo= */ true, text, id_size);
        if (length > 0 && strchr(text, ':')) {
                complain("An application ID has no colon. If you pasted the secret as well, it is on your "
                         "screen "
                         "now; it is asked for next, unseen.");
                return -EINVAL;
        }
        if (length > 0) {
                text[length++] = ':';
                secret_length = prompt_line("Application secret (not shown): ", /* echo= */ false,
                                            text + length, size - (size_t)length);
                length = secret_length < 0 ? secret_length : length + secret_length;
        }
        if (length == -ECANCELED || length == 0) {
                complain("No key was given.");
        } else if (length == -EMSGSIZE) {
                complain("That is too long for a part of a key.");
        } else if (length < 0) {
                complain("The terminal cannot be read: %s.", strerror((int)-length));
        }
        return length == 0 ? -ECANCELED : length;
}

/* All of stdin. */
static ssize_t read_key(char *text, size_t size)
{
        ssize_t length = read_fully(STDIN_FILENO, text, size);

        if (length < 0) {
                complain("Standard input cannot be read: %s.", strerror((int)-length));
        }
        return length;
}

/* NULL after saying why. */
static struct access_key *get_key(const struct key_file_name *name)
{
        _cleanup_secret_ char *text = secret_alloc(ACCESS_KEY_TEXT_MAX + 1);
        struct access_key *key = NULL;
        const char *why = "out of memory";
        ssize_t length;

        if (!text) {
                complain("Out of memory.");
                return NULL;
        }
        length = prompt_possible() ? ask_for_key(name, text, ACCESS_KEY_TEXT_MAX + 1)
                                   : read_key(text, ACCESS_KEY_TEXT_MAX + 1);
        if (length < 0) {
                return NULL;
        }
        if (length > ACCESS_KEY_TEXT_MAX) {
                complain("Not a valid key: it is too long for one line "
                         "APPLICATION_ID:APPLICATION_SECRET.");
                return NULL;
        }
        if (access_key_parse(text, (size_t)length, &key, &why) < 0) {
                complain("Not a valid key: %s.", why);
        }
        return key;
}

/* ---- is there a place for it? ---- */

/* Before the key is asked for. */
static bool has_room(const struct key_entries *entries, const struct key_file_name *name)
{
        size_t n = 0;

        for (size_t i = 0; i < entries->n; i++) {
                const struct key_entry *entry = &entries->entries[i];

                n += streq(entry->environment, name->environment) && !streq(entry->file, name->file);
        }
        if (n < KEYS_PER_ENVIRONMENT_MAX) {
                return true;
        }

        complain("%s has %zu key files already, and the EQP API gives out %d keys: replace one of them, or "
                 "remove one first. See: eqpctl key list %s",
                 name->environment, n, KEYS_PER_ENVIRONMENT_MAX, name->environment);
        return false;
}

static bool is_new(const struct key_entries *entries, const struct key_file_name *name,
                   const struct access_key *key)
{
        for (size_t i = 0; i < entries->n; i++) {
                const struct key_entry *entry = &entries->entries[i];

                if (streq(entry->environment, name->environment) && !streq(entry->file, name->file) &&
                    entry->key && access_key_equal(entry->key, key)) {
                        complain("This is the same key as %s: nothing was written.", entry->file);
                        return false;
                }
        }

        return true;
}

/* ---- trying it ---- */

static bool write_all_the_same(const char *what)
{
        (void)fprintf(stderr, "%s\n", what);
        return prompt_possible() && prompt_yes("Write the key untested? [y/N] ");
}

/* The key works: is it of the right account? EXIT_DONE: write it. */
static int check_account(const struct key_place *place, const struct options *options,
                         const struct key_file_name *name, const char *account)
{
        if (account[0] == '\0') {
                (void)puts("The key works.");
                return EXIT_DONE;
        }

        if (!key_account_fits(account, name->environment, place->settings,
                              place->in_force && !options->new_account, options->address)) {
                return EXIT_FAILED;
        }
        (void)printf("The key works. It is of the account %s.\n", account);
        return EXIT_DONE;
}

/* EXIT_DONE: write it. */
static int try_key(struct key_trial *trial, const struct key_place *place, const struct options *options,
                   const struct key_file_name *name, const struct access_key *key)
{
        (void)fprintf(stderr, "Trying the key at the EQP API ...\n");
        key_trial_run(trial, place->settings, name->environment, key);
        switch (trial->verdict) {
        case KEY_GOOD:
                return check_account(place, options, name, trial->account);
        case KEY_REFUSED:
                complain("Nothing was written: %s. (--untested writes it all the same.)", trial->words);
                return EXIT_FAILED;
        case KEY_NOT_NOW:
                complain("The key could not be tried: %s.", trial->words);
                if (write_all_the_same("The EQP API cannot be reached now.")) {
                        return EXIT_DONE;
                }
                complain("Nothing was written. Try again later, or write it with --untested.");
                return EXIT_NO_TOKEN;
        case KEY_ODD:
                complain("The EQP API gave an answer that is neither yes nor no: %s.", trial->words);
                if (write_all_the_same("The key may be good or not.")) {
                        return EXIT_DONE;
                }
                break;
        case KEY_NO_TRIAL:
                complain("The key could not be tried: %s.", trial->words);
                break;
        }

        complain("Nothing was written. --untested writes it without trying.");
        return EXIT_FAILED;
}

/* ---- writing it ---- */

/* A daemon that runs says by itself if it cannot read the file. */
static void tell_if_closed(const struct key_store *store, const char *file)
{
        struct stat status;

        if (fstatat(store->fd, file, &status, 0) == 0 && !daemon_user_may_read(&status)) {
                complain("The user eqp-broker may not read it: chown eqp-broker %s/%s, unless the daemon is "
                         "another user's.",
                         store->path, file);
        }
}

static int write_key(struct key_place *place, const struct options *options,
                     const struct key_file_name *name, const struct access_key *key,
                     const struct key_entry *old, const char *account)
{
        _cleanup_(key_takeup_clear) struct key_takeup takeup = { 0 };
        bool unchanged = old && old->key && access_key_equal(old->key, key);
        int code = EXIT_DONE, taken_up, r;

        if (place->in_force) {
                key_takeup_begin(&takeup, options->address, name);
        }
        r = key_writer_make_directory(&place->store);
        if (r == 0) {
                r = key_writer_put(&place->store, name->file, key);
        }
        if (r < 0) {
                return key_place_exit_code(r);
        }

        (void)printf("%s/%s is %s.\n", place->store.path, name->file,
                     unchanged ? "written anew; it held this key before"
                     : old     ? "replaced"
                               : "written");
        (void)fflush(stdout);
        if (!place->in_force) {
                return EXIT_DONE;
        }
        if (options->new_account && takeup.error != -ECONNREFUSED) {
                code = key_account_renew(account, name->environment, options->address);
                (void)fflush(stdout);
        }
        if (takeup.error == -ECONNREFUSED) {
                tell_if_closed(&place->store, name->file);
        }
        taken_up = key_takeup_finish(&takeup, name, unchanged);
        if (options->new_account && takeup.error == -ECONNREFUSED) {
                (void)puts("If it then goes by the account from before, do this again.");
        }
        return code != EXIT_DONE ? code : taken_up;
}

static int set_key(struct key_place *place, const struct options *options, const struct key_file_name *name)
{
        _cleanup_(key_entries_free) struct key_entries entries = { 0 };
        _cleanup_(access_key_freep) struct access_key *key = NULL;
        struct key_trial trial = { .verdict = KEY_NO_TRIAL };
        int code, r;

        if (options->new_account && !place->in_force) {
                complain("--new-account is for the daemon's own keys, and not for those in %s.",
                         place->store.path);
                return EXIT_USAGE;
        }
        r = key_writer_check(&place->store);
        if (r == 0) {
                r = key_store_read(&place->store, place->settings, &entries);
        }
        if (r < 0) {
                return key_place_exit_code(r);
        }
        if (!key_place_knows(place, name->environment) || !has_room(&entries, name)) {
                return EXIT_FAILED;
        }

        key = get_key(name);
        if (!key || !is_new(&entries, name, key)) {
                return EXIT_FAILED;
        }
        if (!options->untested) {
                if (place->in_force) {
                        daemon_proxy_adopt(options->address);
                }
                code = try_key(&trial, place, options, name, key);
                if (code != EXIT_DONE) {
                        return code;
                }
        }

        return write_key(place, options, name, key, key_entries_find(&entries, name->file), trial.account);
}

int verb_key_set(const struct options *options)
{
        return key_place_visit(options, set_key);
}
