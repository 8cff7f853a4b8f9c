/* Verb key list: the key files, whether they are fit for use, and what the daemon does with them. Neither ID
 * nor secret. */
#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"
#include "ctl/key_owner.h"
#include "ctl/key_place.h"
#include "ctl/key_words.h"
#include "ctl/text.h"
#include "ctl/verbs.h"
#include "lib/json_form.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct row {
        const struct key_entry *entry;
        char mode[8];
        char owner[OWNER_NAME_MAX];
        char state[KEY_WORDS_MAX];         /* in the daemon; "-": nobody knows */
        char reason[KEY_STORE_REASON_MAX]; /* "": it is fit for use */
};

struct list {
        const struct key_place *place;
        struct key_entries entries;
        struct json_object *status; /* NULL: no daemon answers */
        const char *environment;    /* NULL: all */
        const char *label;          /* NULL: all of the environment */
};

static void list_clear(struct list *list)
{
        key_entries_free(&list->entries);
        json_putp(&list->status);
}

/* ---- rows ---- */

/* The daemon's view of the file, if it reads this directory. */
static void add_daemon_view(struct row *row, const struct list *list)
{
        const struct key_entry *entry = row->entry;
        const char *refusal = daemon_status_refusal(list->status, entry->file);
        struct json_object *environment = daemon_status_environment(list->status, entry->environment);
        struct json_object *key = daemon_status_key(list->status, entry->environment, entry->label);
        char words[KEY_WORDS_MAX];

        (void)snprintf(row->state, sizeof(row->state), "-");
        if (!list->status || !list->place->in_force) {
                return;
        }

        if (entry->environment[0] != '\0' && key) {
                (void)key_words(words, key, key_is_in_use(environment, key));
                text_clean(row->state, sizeof(row->state), words, /* unicode= */ false);
        } else if (refusal) {
                (void)snprintf(row->state, sizeof(row->state), "not used");
        } else if (environment) {
                (void)snprintf(row->state, sizeof(row->state), "not seen");
        }
        if (refusal) {
                text_clean(row->reason, sizeof(row->reason), refusal, /* unicode= */ true);
        }
}

static void read_row(struct row *ret_row, const struct list *list, const struct key_entry *entry)
{
        struct row row = { .entry = entry, .mode = "?", .owner = "?" };

        (void)snprintf(row.reason, sizeof(row.reason), "%s", entry->reason);
        if (entry->examined) {
                (void)snprintf(row.mode, sizeof(row.mode), "%04o", (unsigned)entry->status.st_mode & 07777);
                (void)owner_name(entry->status.st_uid, row.owner);
        }
        if (entry->examined && row.reason[0] == '\0' && !list->status &&
            !daemon_user_may_read(&entry->status)) {
                (void)snprintf(row.reason, sizeof(row.reason),
                               "the user eqp-broker may not read it: chown it to that user");
        }
        add_daemon_view(&row, list);
        *ret_row = row;
}

static bool is_wanted(const struct list *list, const struct key_entry *entry)
{
        return !list->environment || (streq(entry->environment, list->environment) &&
                                      (!list->label || streq(entry->label, list->label)));
}

/* ---- as a table ---- */

static int print_table(const struct list *list)
{
        static const char *const heads[] = { "FILE", "MODE", "OWNER" };
        unsigned widths[] = { 4, 4, 5 };
        _cleanup_free_ struct row *rows = calloc(list->entries.n + 1, sizeof(*rows));
        size_t n = 0;

        if (!rows) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }
        for (size_t i = 0; i < list->entries.n; i++) {
                if (!is_wanted(list, &list->entries.entries[i])) {
                        continue;
                }
                read_row(&rows[n], list, &list->entries.entries[i]);
                widths[0] = MAX_OF(widths[0], text_width(rows[n].entry->file));
                widths[2] = MAX_OF(widths[2], text_width(rows[n].owner));
                n++;
        }
        if (n == 0) {
                complain("There is no key file%s%s in %s.", list->environment ? " of " : "",
                         list->environment ? list->environment : "", list->place->store.path);
                return EXIT_DONE;
        }

        for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
                text_pad(stdout, heads[i], widths[i] + 2);
        }
        (void)puts("DAEMON");
        for (size_t i = 0; i < n; i++) {
                text_pad(stdout, rows[i].entry->file, widths[0] + 2);
                text_pad(stdout, rows[i].mode, widths[1] + 2);
                text_pad(stdout, rows[i].owner, widths[2] + 2);
                (void)puts(rows[i].state);
        }
        for (size_t i = 0; i < n; i++) {
                if (rows[i].reason[0] != '\0') {
                        (void)printf("\n%s: %s\n", rows[i].entry->file, rows[i].reason);
                }
        }
        return EXIT_DONE;
}

/* ---- as JSON ---- */

/* NULL: null. */
static void put_text(struct json_object *object, const char *name, const char *text)
{
        if (text) {
                json_put(object, name, json_object_new_string(text));
        } else {
                json_put_null(object, name);
        }
}

static struct json_object *row_json(const struct row *row)
{
        struct json_object *object = json_object_new_object();
        const struct key_entry *entry = row->entry;
        bool known = entry->environment[0] != '\0';

        put_text(object, "file", entry->file);
        put_text(object, "environment", known ? entry->environment : NULL);
        put_text(object, "label", known ? entry->label : NULL);
        put_text(object, "mode", row->mode);
        put_text(object, "owner", row->owner);
        put_text(object, "daemon", row->state[0] != '-' ? row->state : NULL);
        put_text(object, "reason", row->reason[0] != '\0' ? row->reason : NULL);
        json_put(object, "fit", json_object_new_boolean(row->reason[0] == '\0'));
        return object;
}

static int print_json(const struct list *list)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();
        struct json_object *files = json_object_new_array();
        const char *text = NULL;

        for (size_t i = 0; i < list->entries.n; i++) {
                struct row row;

                if (is_wanted(list, &list->entries.entries[i])) {
                        read_row(&row, list, &list->entries.entries[i]);
                        json_append(files, row_json(&row));
                }
        }
        put_text(object, "directory", list->place->store.path);
        json_put(object, "files", files);
        if (json_is_whole(object)) {
                text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                                      JSON_C_TO_STRING_SPACED |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE);
        }
        if (!text) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }

        (void)puts(text);
        return EXIT_DONE;
}

/* ---- the verb ---- */

/* Without a daemon there is less to tell, which is no failure. */
static void ask_daemon(struct list *list, const char *address)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int r;

        if (!list->place->in_force || open_broker(&broker, address) != EXIT_DONE) {
                return;
        }
        r = daemon_status_get(broker, &list->status);
        if (r < 0) {
                complain("The daemon's view of them is not known: %s",
                         r == -ENOMEM ? "Out of memory." : eqp_broker_error_message(broker));
        }
}

int verb_key_list(const struct options *options)
{
        _cleanup_(key_place_close) struct key_place place = { .store.fd = -1 };
        _cleanup_(list_clear) struct list list = { .place = &place };
        struct key_file_name name = { 0 };
        int code, r;

        code = options->environment ? key_place_read_name(&name, options->environment) : EXIT_DONE;
        if (code == EXIT_DONE) {
                code = key_place_open(&place, options);
        }
        if (code != EXIT_DONE) {
                return code;
        }
        if (options->environment) {
                list.environment = name.environment;
                list.label = name.label[0] != '\0' ? name.label : NULL;
                if (!key_place_knows(&place, name.environment)) {
                        return EXIT_FAILED;
                }
        }

        r = key_store_read(&place.store, place.settings, &list.entries);
        if (r < 0) {
                return key_place_exit_code(r);
        }
        ask_daemon(&list, options->address);
        return options->json ? print_json(&list) : print_table(&list);
}
