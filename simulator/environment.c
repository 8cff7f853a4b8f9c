/* environment: one EQP environment as the simulator plays it. The API and the admin listener both work on
 * it; it owns what they touch. */
#include <errno.h>
#include <stdio.h>

#include "lib/util.h"
#include "simulator/environment.h"
#include "simulator/json_text.h"

/* The pair printed in the vendor's documentation; it opens nothing real. */
#define EXAMPLE_ID     "AQ17NZ49WC"
#define EXAMPLE_SECRET "8820c99614d65f923df7660276f20e029d73e2ca"

bool environment_name_is_valid(const char *name)
{
        size_t length = strlen(name);

        return length >= 1 && length <= ENVIRONMENT_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static int copy_keys(const struct keys *from, struct keys *ret)
{
        struct keys copy = { 0 };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < from->count; i++) {
                r = keys_add(&copy, from->list[i].id, from->list[i].secret);
        }
        if (r < 0) {
                keys_clear(&copy);
                return r;
        }

        *ret = copy;
        return 0;
}

static int make_account(const struct environment *environment, struct json_object **ret)
{
        _cleanup_(json_putp) struct json_object *account = json_object_new_object();

        if (json_add_text(account, "mage_id", environment->mage_id) < 0 ||
            json_add_text(account, "email", "vendor@example.com") < 0 ||
            json_add_text(account, "first_name", "Example") < 0 ||
            json_add_text(account, "last_name", "Vendor") < 0 ||
            json_add_text(account, "screen_name", "Example Vendor") < 0 ||
            json_add_text(account, "locale", "en_US") < 0) {
                return -ENOMEM;
        }

        *ret = take_ptr(account);
        return 0;
}

int environment_reset(struct environment *environment)
{
        struct json_object *account;
        struct keys keys;
        int r;

        r = make_account(environment, &account);
        if (r < 0) {
                return r;
        }
        r = copy_keys(&environment->initial_keys, &keys);
        if (r < 0) {
                json_object_put(account);
                return r;
        }

        keys_clear(&environment->keys);
        environment->keys = keys;
        json_object_put(environment->account);
        environment->account = account;
        (void)tokens_revoke(environment->tokens, NULL);
        uploads_clear(&environment->uploads);
        faults_clear(&environment->faults);
        history_clear(&environment->history);
        environment->settings = environment->initial_settings;
        environment->counters = (struct environment_counters){ 0 };
        environment->connections = 0;
        return 0;
}

int environment_new(struct environment **ret, const struct environment_config *config)
{
        _cleanup_(environment_freep) struct environment *environment = NULL;
        int r;

        if (!environment_name_is_valid(config->name)) {
                return -EINVAL;
        }
        environment = calloc(1, sizeof(*environment));
        if (!environment) {
                return -ENOMEM;
        }

        (void)snprintf(environment->name, sizeof(environment->name), "%s", config->name);
        uploads_init(&environment->uploads);
        faults_init(&environment->faults);
        environment->initial_settings = config->settings;
        environment->mage_id = strdup(config->mage_id);
        if (!environment->mage_id) {
                return -ENOMEM;
        }
        r = tokens_new(&environment->tokens);
        if (r < 0) {
                return r;
        }
        r = config->keys ? copy_keys(config->keys, &environment->initial_keys)
                         : keys_add(&environment->initial_keys, EXAMPLE_ID, EXAMPLE_SECRET);
        if (r < 0) {
                return r;
        }
        r = environment_reset(environment);
        if (r < 0) {
                return r;
        }

        *ret = take_ptr(environment);
        return 0;
}

struct environment *environment_free(struct environment *environment)
{
        if (!environment) {
                return NULL;
        }

        history_clear(&environment->history);
        faults_clear(&environment->faults);
        uploads_clear(&environment->uploads);
        environment->tokens = tokens_free(environment->tokens);
        keys_clear(&environment->keys);
        keys_clear(&environment->initial_keys);
        json_object_put(environment->account);
        free(environment->mage_id);
        free(environment);
        return NULL;
}

void environment_freep(struct environment **environment)
{
        *environment = environment_free(*environment);
}

int64_t environment_grant_sec(const struct environment *environment, int64_t asked_sec)
{
        const struct environment_settings *settings = &environment->settings;

        if (settings->lifetime_fixed_sec > 0) {
                return settings->lifetime_fixed_sec;
        }
        if (asked_sec <= 0) {
                return settings->lifetime_max_sec;
        }
        return MIN_OF(asked_sec, settings->lifetime_max_sec);
}
