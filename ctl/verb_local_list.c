/* Verb local list: the local keys of the configuration. Verb local remove takes one away. Neither shows a
 * secret: there is none to be had. */
#include "ctl/complain.h"
#include "ctl/configuration.h"
#include "ctl/local_file.h"
#include "ctl/local_reload.h"
#include "ctl/text.h"
#include "ctl/verbs.h"
#include "lib/end_date.h"
#include "lib/json_form.h"
#include "lib/json_scope.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

/* ---- as a table ---- */

#define COLUMNS  6
#define CELL_MAX 96
#define GAP      2

struct row {
        char cells[COLUMNS][CELL_MAX];
};

static const struct row heads = { { "NAME", "ENVIRONMENT", "ID", "TOKEN", "CALLER", "EXPIRES" } };

static void describe_callers(char *ret, size_t size, const struct access_rules *callers)
{
        size_t length = 0;
        char text[ACCESS_RULE_TEXT_MAX];

        (void)snprintf(ret, size, "any");
        for (size_t i = 0; i < callers->n && length < size; i++) {
                int n = snprintf(ret + length, size - length, "%s%s", i > 0 ? "," : "",
                                 access_rule_format(&callers->rules[i], text));
                length += n > 0 ? (size_t)n : 0;
        }
}

static void fill_row(struct row *row, const struct local_key *key)
{
        char date[END_DATE_TEXT_MAX];

        (void)snprintf(row->cells[0], CELL_MAX, "%s", key->name);
        (void)snprintf(row->cells[1], CELL_MAX, "%s", key->environment);
        (void)snprintf(row->cells[2], CELL_MAX, "%s", key->id);
        (void)snprintf(row->cells[3], CELL_MAX, "%s", key->real ? "real" : "opaque");
        describe_callers(row->cells[4], CELL_MAX, &key->callers);
        (void)snprintf(row->cells[5], CELL_MAX, "%s",
                       key->expires_sec != 0 ? end_date_format(key->expires_sec, date) : "-");
}

static void print_row(const struct row *row, const unsigned *widths)
{
        for (size_t i = 0; i + 1 < COLUMNS; i++) {
                text_pad(stdout, row->cells[i], widths[i] + GAP);
        }
        (void)puts(row->cells[COLUMNS - 1]);
}

static int print_table(const struct settings *settings)
{
        unsigned widths[COLUMNS];
        struct row row;

        for (size_t i = 0; i < COLUMNS; i++) {
                widths[i] = text_width(heads.cells[i]);
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                fill_row(&row, &settings->local_keys[i]);
                for (size_t j = 0; j < COLUMNS; j++) {
                        widths[j] = MAX_OF(widths[j], text_width(row.cells[j]));
                }
        }
        if (settings->n_local_keys > 0) {
                print_row(&heads, widths);
        } else {
                (void)puts("There is no local key. See: eqpctl local add --help");
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                fill_row(&row, &settings->local_keys[i]);
                print_row(&row, widths);
        }
        return finish_output();
}

/* ---- as JSON ---- */

static struct json_object *list_callers(const struct access_rules *callers)
{
        struct json_object *list = json_object_new_array();
        char text[ACCESS_RULE_TEXT_MAX];

        for (size_t i = 0; i < callers->n; i++) {
                json_append(list, json_object_new_string(access_rule_format(&callers->rules[i], text)));
        }
        return list;
}

static struct json_object *list_allows(const struct gateway_rules *rules)
{
        struct json_object *list = json_object_new_array();
        char text[GATEWAY_RULE_TEXT_MAX];

        for (size_t i = 0; i < rules->n; i++) {
                json_append(list, json_object_new_string(gateway_rule_format(&rules->rules[i],
                                                                             /* with_who= */ false, text)));
        }
        return list;
}

static struct json_object *describe(const struct local_key *key)
{
        struct json_object *json = json_object_new_object();
        char date[END_DATE_TEXT_MAX];

        json_put(json, "name", json_object_new_string(key->name));
        json_put(json, "environment", json_object_new_string(key->environment));
        json_put(json, "id", json_object_new_string(key->id));
        json_put(json, "token", json_object_new_string(key->real ? "real" : "opaque"));
        json_put(json, "callers", list_callers(&key->callers));
        json_put(json, "allow", list_allows(&key->rules));
        if (key->expires_sec != 0) {
                json_put(json, "expires", json_object_new_string(end_date_format(key->expires_sec, date)));
        } else {
                json_put_null(json, "expires");
        }
        if (key->has_old) {
                json_put(json, "old_until",
                         json_object_new_string(end_date_format(key->old_until_sec, date)));
        } else {
                json_put_null(json, "old_until");
        }
        return json;
}

static int print_json(const struct settings *settings)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();
        const char *text = NULL;

        for (size_t i = 0; i < settings->n_local_keys; i++) {
                json_append(list, describe(&settings->local_keys[i]));
        }
        if (json_is_whole(list)) {
                text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY |
                                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
        }
        if (!text) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }
        (void)puts(text);
        return finish_output();
}

int verb_local_list(const struct options *options)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        char message[PROGRAM_WORDS_MAX];

        if (configuration_read(&settings, NULL, message) < 0) {
                complain("%s", message);
                return EXIT_FAILED;
        }
        return options->json ? print_json(settings) : print_table(settings);
}

/* ---- remove ---- */

int verb_local_remove(const struct options *options)
{
        char path[LOCAL_FILE_PATH_MAX];
        const char *name = options->local_key;

        if (!local_key_name_valid(name, strlen(name))) {
                complain("'%s' is no name of a local key. See: eqpctl local list", name);
                return EXIT_USAGE;
        }
        if (!local_file_path(name, path)) {
                return EXIT_FAILED;
        }
        _cleanup_free_ char *text = local_file_read(path, name);
        int removed = text ? local_file_remove(path) : -ENOENT;
        if (removed < 0) {
                return EXIT_FAILED;
        }
        switch (local_reload(options)) {
        case LOCAL_RELOADED:
                (void)printf("The local key %s is removed. Its secret and its tokens no longer work.\n",
                             name);
                break;
        case LOCAL_NO_DAEMON:
                (void)printf("%s is removed. No daemon runs.\n", path);
                break;
        default:
                complain("%s is removed, but the daemon goes on with the key until it has read its "
                         "configuration again: eqpctl reload",
                         path);
                return EXIT_FAILED;
        }
        return removed == 0 ? finish_output() : EXIT_FAILED;
}
