/* Verb key remove: takes a key file away. The key itself lives on until it is deleted in the portal, and
 * nobody but its owner can do that. */
#include "ctl/complain.h"
#include "ctl/key_place.h"
#include "ctl/key_writer.h"
#include "ctl/prompt.h"
#include "ctl/verbs.h"

#include <stdio.h>

static size_t count_others(const struct key_entries *entries, const struct key_file_name *name)
{
        size_t n = 0;

        for (size_t i = 0; i < entries->n; i++) {
                const struct key_entry *entry = &entries->entries[i];

                n += streq(entry->environment, name->environment) && !streq(entry->file, name->file) &&
                     entry->reason[0] == '\0';
        }

        return n;
}

/* Is it to go? Says why not. */
static bool is_agreed(const struct key_place *place, const struct key_entries *entries,
                      const struct key_file_name *name)
{
        char question[512];

        if (count_others(entries, name) == 0) {
                complain("This is the last key of %s: without it there will be no more tokens. To remove it "
                         "all "
                         "the same, add --yes.",
                         name->environment);
                return false;
        }
        if (!prompt_possible()) {
                complain("To remove a key without being asked, add --yes.");
                return false;
        }

        (void)snprintf(question, sizeof(question), "Remove %s/%s? [y/N] ", place->store.path, name->file);
        if (prompt_yes(question)) {
                return true;
        }

        complain("Nothing was removed.");
        return false;
}

static int remove_key(struct key_place *place, const struct options *options,
                      const struct key_file_name *name)
{
        _cleanup_(key_entries_free) struct key_entries entries = { 0 };
        int r;

        r = key_store_read(&place->store, place->settings, &entries);
        if (r < 0) {
                return key_place_exit_code(r);
        }
        if (!key_entries_find(&entries, name->file)) {
                complain("There is no key file %s in %s. See: eqpctl key list", name->file,
                         place->store.path);
                return EXIT_FAILED;
        }
        if (!options->yes && !is_agreed(place, &entries, name)) {
                return EXIT_FAILED;
        }

        r = key_writer_remove(&place->store, name->file);
        if (r < 0) {
                return key_place_exit_code(r);
        }
        (void)printf("%s/%s is removed. The key itself is good until it is deleted in the portal: do that "
                     "too if it is not used elsewhere.\n",
                     place->store.path, name->file);
        return EXIT_DONE;
}

int verb_key_remove(const struct options *options)
{
        return key_place_visit(options, remove_key);
}
