/* Verb key check: tries every key file at the EQP API, one exchange each. */
#include "ctl/complain.h"
#include "ctl/daemon_proxy.h"
#include "ctl/key_place.h"
#include "ctl/key_trial.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#include <stdio.h>

struct tally {
        size_t n;       /* files */
        size_t n_bad;   /* of them, those that do not work */
        size_t n_later; /* of them, those that could not be tried now */
};

static bool is_wanted(const struct key_entry *entry, const struct key_file_name *name)
{
        return !name || (streq(entry->environment, name->environment) &&
                         (name->label[0] == '\0' || streq(entry->label, name->label)));
}

/* Tries one and prints its row. */
static void check_entry(const struct key_entry *entry, const struct settings *settings, unsigned width,
                        struct tally *tally)
{
        struct key_trial trial = { .verdict = KEY_NO_TRIAL };
        char account[MAGE_ID_MAX + sizeof("account ")] = "";
        const char *words = entry->reason;

        if (entry->reason[0] == '\0') {
                key_trial_run(&trial, settings, entry->environment, entry->key);
                if (trial.account[0] != '\0') {
                        (void)snprintf(account, sizeof(account), "account %s", trial.account);
                }
                words = trial.verdict != KEY_GOOD ? trial.words : account;
        }
        tally->n++;
        tally->n_bad += trial.verdict != KEY_GOOD && trial.verdict != KEY_NOT_NOW;
        tally->n_later += trial.verdict == KEY_NOT_NOW;
        text_pad(stdout, entry->file, width + 2);
        if (words[0] != '\0') {
                text_pad(stdout, key_verdict_name(trial.verdict), 12);
        } else {
                (void)fputs(key_verdict_name(trial.verdict), stdout);
        }
        (void)puts(words);
        /* The next one may take a while. */
        (void)fflush(stdout);
}

static int check_all(const struct key_place *place, const struct key_file_name *name)
{
        _cleanup_(key_entries_free) struct key_entries entries = { 0 };
        struct tally tally = { 0 };
        unsigned width = 4;
        int r;

        r = key_store_read(&place->store, place->settings, &entries);
        if (r < 0) {
                return key_place_exit_code(r);
        }

        for (size_t i = 0; i < entries.n; i++) {
                if (is_wanted(&entries.entries[i], name)) {
                        width = MAX_OF(width, text_width(entries.entries[i].file));
                }
        }
        for (size_t i = 0; i < entries.n; i++) {
                if (is_wanted(&entries.entries[i], name)) {
                        check_entry(&entries.entries[i], place->settings, width, &tally);
                }
        }
        if (tally.n == 0) {
                complain("There is no key file%s%s in %s.", name ? " for " : "", name ? name->file : "",
                         place->store.path);
                return EXIT_FAILED;
        }

        return tally.n_bad > 0 ? EXIT_FAILED : tally.n_later > 0 ? EXIT_NO_TOKEN : EXIT_DONE;
}

int verb_key_check(const struct options *options)
{
        _cleanup_(key_place_close) struct key_place place = { .store.fd = -1 };
        bool is_named = options->environment != NULL;
        struct key_file_name name = { 0 };
        int code;

        code = is_named ? key_place_read_name(&name, options->environment) : EXIT_DONE;
        if (code == EXIT_DONE) {
                code = key_place_open(&place, options);
        }
        if (code != EXIT_DONE) {
                return code;
        }
        if (is_named && !key_place_knows(&place, name.environment)) {
                return EXIT_FAILED;
        }

        if (place.in_force) {
                daemon_proxy_adopt(options->address);
        }
        return check_all(&place, is_named ? &name : NULL);
}
