/* The local keys of settings: adding and finding them, and what only all of them together can show. */
#include "lib/settings_local_keys.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* Where the name is in the order, or belongs. */
static size_t find_place(const struct settings *settings, const char *name, bool *ret_found)
{
        size_t begin = 0, end = settings->n_local_keys;

        *ret_found = false;
        while (begin < end && !*ret_found) {
                size_t middle = begin + (end - begin) / 2;
                int order = strcmp(name, settings->local_keys[settings->local_key_order[middle]].name);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0) {
                        end = middle;
                } else {
                        begin = middle + 1;
                }
        }
        return begin;
}

/* Doubles the room whenever it is used up. */
static int make_room(struct settings *settings)
{
        size_t n = settings->n_local_keys, wanted = n > 0 ? 2 * n : 1;
        struct local_key *keys;
        size_t *order;

        if (n & (n - 1)) {
                return 0;
        }
        keys = reallocarray(settings->local_keys, wanted, sizeof(*keys));
        if (!keys) {
                return -ENOMEM;
        }
        settings->local_keys = keys;
        order = reallocarray(settings->local_key_order, wanted, sizeof(*order));
        if (!order) {
                return -ENOMEM;
        }
        settings->local_key_order = order;
        return 0;
}

int settings_add_local_key(struct settings *settings, const char *name, struct local_key **ret)
{
        struct local_key *key;
        size_t place;
        bool found;
        int r;

        if (!local_key_name_valid(name, strlen(name))) {
                return -EINVAL;
        }
        place = find_place(settings, name, &found);
        if (found) {
                *ret = &settings->local_keys[settings->local_key_order[place]];
                return 0;
        }
        r = make_room(settings);
        if (r < 0) {
                return r;
        }
        memmove(&settings->local_key_order[place + 1], &settings->local_key_order[place],
                (settings->n_local_keys - place) * sizeof(settings->local_key_order[0]));
        settings->local_key_order[place] = settings->n_local_keys;
        key = &settings->local_keys[settings->n_local_keys++];
        *key = (struct local_key){ .real = false };
        memcpy(key->name, name, strlen(name) + 1);
        *ret = key;
        return 0;
}

const struct local_key *settings_local_key(const struct settings *settings, const char *name)
{
        bool found;
        size_t place = find_place(settings, name, &found);

        return found ? &settings->local_keys[settings->local_key_order[place]] : NULL;
}

void settings_clear_local_keys(struct settings *settings)
{
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                local_key_clear(&settings->local_keys[i]);
        }
        free(settings->local_keys);
        free(settings->local_key_order);
}

/* ---- finishing ---- */

static const char *fault_of(const struct settings *settings, const struct local_key *key)
{
        if (key->environment[0] == '\0') {
                return "has no environment: write environment = NAME";
        }
        if (!settings_environment(settings, key->environment)) {
                return "is for an environment that there is not: correct its name, or configure it in a "
                       "section "
                       "[environment NAME]";
        }
        if (key->id[0] == '\0') {
                return "has no id: write id = ID, or have eqpctl local add make one";
        }
        if (!key->has_secret) {
                return "has no secret_sha256: write secret_sha256 = 64 hexadecimal digits, or have eqpctl "
                       "local "
                       "add make one";
        }
        if (key->has_old != (key->old_until_sec != 0)) {
                return key->has_old ? "has secret_sha256_old, but not until when it is good: write "
                                      "old_until = DATE"
                                    : "has old_until, but no secret_sha256_old: leave it out";
        }
        return NULL;
}

static int compare_ids(const void *a, const void *b)
{
        return strcmp((*(const struct local_key *const *)a)->id, (*(const struct local_key *const *)b)->id);
}

/* Two with one ID: the places of both. */
static int check_ids(const struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX])
{
        _cleanup_free_ const struct local_key **keys = calloc(settings->n_local_keys, sizeof(*keys));

        if (!keys) {
                (void)snprintf(reterr_message, SETTINGS_ERROR_MAX, "configuration: out of memory");
                return -ENOMEM;
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                keys[i] = &settings->local_keys[i];
        }
        qsort(keys, settings->n_local_keys, sizeof(keys[0]), compare_ids);
        for (size_t i = 1; i < settings->n_local_keys; i++) {
                const struct local_key *earlier = MIN_OF(keys[i - 1], keys[i]);
                const struct local_key *later = MAX_OF(keys[i - 1], keys[i]);

                if (streq(earlier->id, later->id)) {
                        (void)snprintf(reterr_message, SETTINGS_ERROR_MAX,
                                       "%s: [local %s] has the id of [local %s] (%.*s): give each its own",
                                       later->place, later->name, earlier->name, LOCAL_KEY_PLACE_MAX,
                                       earlier->place);
                        return -EINVAL;
                }
        }
        return 0;
}

int settings_finish_local_keys(const struct settings *settings,
                               char reterr_message[static SETTINGS_ERROR_MAX])
{
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                const struct local_key *key = &settings->local_keys[i];
                const char *fault = fault_of(settings, key);

                if (fault) {
                        (void)snprintf(reterr_message, SETTINGS_ERROR_MAX, "%s: [local %s] %s", key->place,
                                       key->name, fault);
                        return -EINVAL;
                }
        }
        return settings->n_local_keys > 1 ? check_ids(settings, reterr_message) : 0;
}
