/* environment: one EQP environment as the simulator plays it. The API and the admin listener both work on
 * it; it owns what they touch. */
#include "simulator/environment.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/portal/account.h"
#include "simulator/portal/composer_keys.h"

#include <errno.h>
#include <stdio.h>

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

int environment_reset(struct environment *environment)
{
        _cleanup_(json_putp) struct json_object *account = NULL, *composer_keys = NULL;
        struct keys keys;
        int r;

        r = account_new(&account, environment->mage_id);
        if (r < 0) {
                return r;
        }
        r = composer_keys_new(&composer_keys);
        if (r < 0) {
                return r;
        }
        r = copy_keys(&environment->initial_keys, &keys);
        if (r < 0) {
                return r;
        }

        keys_clear(&environment->keys);
        environment->keys = keys;
        json_object_put(environment->account);
        environment->account = take_ptr(account);
        json_object_put(environment->composer_keys);
        environment->composer_keys = take_ptr(composer_keys);
        (void)tokens_revoke(environment->tokens, NULL);
        uploads_clear(&environment->uploads);
        packages_clear(&environment->packages);
        faults_clear(&environment->faults);
        history_clear(&environment->history);
        history_clear(&environment->callbacks);
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
        packages_init(&environment->packages);
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
        history_clear(&environment->callbacks);
        faults_clear(&environment->faults);
        packages_clear(&environment->packages);
        uploads_clear(&environment->uploads);
        environment->tokens = tokens_free(environment->tokens);
        keys_clear(&environment->keys);
        keys_clear(&environment->initial_keys);
        json_object_put(environment->account);
        json_object_put(environment->composer_keys);
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
