/* Settings as a whole: their defaults, the checks that need all of them, and their end. */
#include "lib/base_url.h"
#include "lib/settings.h"
#include "lib/settings_local_keys.h"
#include "lib/settings_share.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

static const struct listen_address default_listen[] = {
        { .kind = LISTEN_TCP4, .port = 9377, .address4 = 0x7f000001, .path = "127.0.0.1:9377" },
        { .kind = LISTEN_TCP6, .port = 9377, .optional = true, .path = "[::1]:9377" },
        { .kind = LISTEN_UNIX, .path = PLACES_SYSTEM_SOCKET },
};

/* Root by number, as that needs no look-up; the group exists only where the package made it. */
static const struct access_rule default_allow[] = {
        { .kind = ACCESS_RULE_UID, .resolved = true, .id = 0 },
        { .kind = ACCESS_RULE_GROUP, .optional = true, .name = "eqp-broker" },
};
static const struct access_rule default_operators[] = {
        { .kind = ACCESS_RULE_UID, .resolved = true, .id = 0 },
};

static int add_rules(struct access_rules *rules, const struct access_rule *from, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int r = access_rules_add(rules, &from[i]);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int add_built_in(struct settings *settings, const char *name, const char *base_url)
{
        struct environment_settings *environment;
        int r;

        r = settings_add_environment(settings, name, &environment);
        if (r < 0) {
                return r;
        }
        environment->base_url = strdup(base_url);
        return environment->base_url ? 0 : -ENOMEM;
}

int settings_new(struct settings **ret)
{
        _cleanup_(settings_freep) struct settings *settings = calloc(1, sizeof(*settings));
        int r;

        if (!settings) {
                return -ENOMEM;
        }
        (void)snprintf(settings->default_keys_directory, sizeof(settings->default_keys_directory), "%s",
                       PLACES_SYSTEM_KEYS);
        memcpy(settings->listen, default_listen, sizeof(default_listen));
        settings->n_listen = ARRAY_SIZE(default_listen);
        settings->socket_mode = SOCKET_MODE_DEFAULT;
        settings->metrics = true;
        settings->max_connections = MAX_CONNECTIONS_DEFAULT;
        settings->max_connections_per_user = MAX_CONNECTIONS_PER_USER_DEFAULT;

        r = add_rules(&settings->allow, default_allow, ARRAY_SIZE(default_allow));
        if (r < 0) {
                return r;
        }
        r = add_rules(&settings->operators, default_operators, ARRAY_SIZE(default_operators));
        if (r < 0) {
                return r;
        }
        r = add_built_in(settings, "production", BASE_URL_PRODUCTION);
        if (r < 0) {
                return r;
        }
        r = add_built_in(settings, "sandbox", BASE_URL_SANDBOX);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(settings);
        return 0;
}

/* The owner of the broker is its only user, and its operator. */
static int set_owner(struct access_rules *rules, uid_t uid)
{
        const struct access_rule owners[] = {
                { .kind = ACCESS_RULE_UID, .resolved = true, .id = 0 },
                { .kind = ACCESS_RULE_UID, .resolved = true, .id = uid },
        };

        access_rules_clear(rules);
        return add_rules(rules, owners, uid == 0 ? 1 : ARRAY_SIZE(owners));
}

int settings_new_at(struct settings **ret, const struct places *places)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;

        int r = settings_new(&settings);
        if (r < 0) {
                return r;
        }
        if (places->user) {
                settings->of_user = true;
                settings->listen[0] = (struct listen_address){ .kind = LISTEN_UNIX };
                memcpy(settings->listen[0].path, places->socket, sizeof(places->socket));
                settings->n_listen = 1;
                settings->socket_mode = SOCKET_MODE_USER;
                memcpy(settings->default_keys_directory, places->keys, sizeof(places->keys));
                r = set_owner(&settings->allow, places->uid);
                if (r < 0) {
                        return r;
                }
                r = set_owner(&settings->operators, places->uid);
                if (r < 0) {
                        return r;
                }
        }
        *ret = take_ptr(settings);
        return 0;
}

static void environment_clear(struct environment_settings *environment)
{
        free(environment->place);
        free(environment->base_url);
        free(environment->account);
        free(environment->ca_file);
        access_rules_clear(&environment->allow);
        access_rules_clear(&environment->operators);
        gateway_rules_clear(&environment->gateway_rules);
}

struct settings *settings_free(struct settings *settings)
{
        if (!settings) {
                return NULL;
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                environment_clear(&settings->environments[i]);
        }
        settings_clear_local_keys(settings);
        settings_clear_share(settings);
        access_rules_clear(&settings->allow);
        access_rules_clear(&settings->operators);
        free(settings->keys_directory);
        free(settings);
        return NULL;
}

void settings_freep(struct settings **settings)
{
        *settings = settings_free(*settings);
}

/* ---- finishing ---- */

static void mark_default_listen(struct settings *settings)
{
        if (settings->n_listen != ARRAY_SIZE(default_listen)) {
                return;
        }
        for (size_t i = 0; i < settings->n_listen; i++) {
                if (!listen_address_equal(&settings->listen[i], &default_listen[i])) {
                        return;
                }
        }
        for (size_t i = 0; i < settings->n_listen; i++) {
                settings->listen[i].optional = default_listen[i].optional;
        }
}

static void mark_default_rules(struct access_rules *rules, const struct access_rule *defaults, size_t n)
{
        if (rules->n != n) {
                return;
        }
        for (size_t i = 0; i < n; i++) {
                if (rules->rules[i].kind != defaults[i].kind || rules->rules[i].id != defaults[i].id ||
                    !streq(rules->rules[i].name, defaults[i].name)) {
                        return;
                }
        }
        for (size_t i = 0; i < n; i++) {
                rules->rules[i].optional = defaults[i].optional;
        }
}

int settings_finish(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX])
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct environment_settings *environment = &settings->environments[i];

                if (!environment->base_url) {
                        (void)snprintf(reterr_message, SETTINGS_ERROR_MAX,
                                       "%s: [environment %s] has no base_url: write base_url = https://HOST",
                                       environment->place ? environment->place : "configuration",
                                       environment->name);
                        return -EINVAL;
                }
        }

        if (settings->max_connections_per_user > settings->max_connections) {
                if (settings->max_connections_per_user != MAX_CONNECTIONS_PER_USER_DEFAULT) {
                        (void)snprintf(reterr_message, SETTINGS_ERROR_MAX,
                                       "configuration: max_connections_per_user = %u is more than "
                                       "max_connections = %u: lower the first or raise the second",
                                       (unsigned)settings->max_connections_per_user,
                                       (unsigned)settings->max_connections);
                        return -EINVAL;
                }
                settings->max_connections_per_user = settings->max_connections;
        }

        int r = settings_finish_local_keys(settings, reterr_message);
        if (r < 0) {
                return r;
        }
        r = settings_finish_share(settings, reterr_message);
        if (r < 0) {
                return r;
        }

        mark_default_listen(settings);
        mark_default_rules(&settings->allow, default_allow, ARRAY_SIZE(default_allow));
        return 0;
}
