/* The settings about callers. */
#include "lib/access_settings.h"

#include "lib/util.h"

#include <errno.h>

struct access_settings *access_settings_free(struct access_settings *settings)
{
        if (settings) {
                access_rules_clear(&settings->allow);
                access_rules_clear(&settings->operators);
                for (size_t i = 0; i < settings->n_environments; i++) {
                        access_rules_clear(&settings->environments[i].allow);
                        access_rules_clear(&settings->environments[i].operators);
                        gateway_rules_clear(&settings->environments[i].gateway_rules);
                }
                for (size_t i = 0; i < settings->n_local_keys; i++) {
                        local_key_clear(&settings->local_keys[i]);
                }
                free(settings->local_keys);
                free(settings->by_id);
                free(settings);
        }
        return NULL;
}

void access_settings_freep(struct access_settings **settings)
{
        *settings = access_settings_free(*settings);
}

static int copy_environment(struct access_environment *ret, const struct environment_settings *from)
{
        memcpy(ret->name, from->name, sizeof(ret->name));
        ret->has_allow = from->has_allow;
        ret->has_operators = from->has_operators;
        ret->gateway = from->gateway;
        ret->encoded_slash = from->encoded_slash;
        ret->gateway_body_max = from->gateway_body_max;
        ret->gateway_answer_timeout_usec = from->gateway_answer_timeout_usec;
        int r = access_rules_copy(&ret->allow, &from->allow);
        if (r < 0) {
                return r;
        }
        r = access_rules_copy(&ret->operators, &from->operators);
        return r < 0 ? r : gateway_rules_copy(&ret->gateway_rules, &from->gateway_rules);
}

/* ---- local keys, and what else there is to know of them ---- */

int access_settings_add_key(struct access_settings *settings, struct local_key *key)
{
        size_t n = settings->n_local_keys;

        if ((n & (n - 1)) == 0) { /* 0, or a power of two: so many have room */
                struct local_key *keys =
                        reallocarray(settings->local_keys, n > 0 ? 2 * n : 1, sizeof(*keys));
                if (!keys) {
                        return -ENOMEM;
                }
                settings->local_keys = keys;
        }
        settings->local_keys[settings->n_local_keys++] = *key;
        *key = (struct local_key){ .name = "" };
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct local_key *)a)->name, ((const struct local_key *)b)->name);
}

static int compare_ids(const void *a, const void *b)
{
        return strcmp((*(const struct local_key *const *)a)->id, (*(const struct local_key *const *)b)->id);
}

static void note_rule(struct access_settings *settings, const struct access_rule *rule)
{
        settings->groups_beyond = settings->groups_beyond || access_rule_is_group(rule);
        settings->names_beyond =
                settings->names_beyond || rule->kind == ACCESS_RULE_USER || rule->kind == ACCESS_RULE_GROUP;
}

static void note_rules(struct access_settings *settings)
{
        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct gateway_rules *rules = &settings->environments[i].gateway_rules;
                for (size_t j = 0; j < rules->n; j++) {
                        note_rule(settings, &rules->rules[j].who);
                }
        }
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                const struct access_rules *callers = &settings->local_keys[i].callers;
                for (size_t j = 0; j < callers->n; j++) {
                        note_rule(settings, &callers->rules[j]);
                }
        }
}

int access_settings_settle(struct access_settings *settings)
{
        size_t n = settings->n_local_keys;

        note_rules(settings);
        if (n == 0) {
                return 0;
        }
        const struct local_key **by_id = calloc(n, sizeof(const struct local_key *));
        if (!by_id) {
                return -ENOMEM;
        }
        qsort(settings->local_keys, n, sizeof(settings->local_keys[0]), compare_names);
        for (size_t i = 0; i < n; i++) {
                by_id[i] = &settings->local_keys[i];
        }
        qsort(by_id, n, sizeof(const struct local_key *), compare_ids);
        free(settings->by_id);
        settings->by_id = by_id;
        return 0;
}

const struct local_key *access_settings_key(const struct access_settings *settings, const char *name)
{
        struct local_key wanted;

        if (!settings->by_id || strlen(name) >= sizeof(wanted.name)) {
                return NULL;
        }
        memcpy(wanted.name, name, strlen(name) + 1);
        return bsearch(&wanted, settings->local_keys, settings->n_local_keys, sizeof(wanted), compare_names);
}

const struct local_key *access_settings_key_of_id(const struct access_settings *settings, const char *id)
{
        struct local_key wanted;
        const struct local_key *key = &wanted;

        if (!settings->by_id || strlen(id) >= sizeof(wanted.id)) {
                return NULL;
        }
        memcpy(wanted.id, id, strlen(id) + 1);
        const struct local_key *const *found = bsearch(&key, settings->by_id, settings->n_local_keys,
                                                       sizeof(const struct local_key *), compare_ids);
        return found ? *found : NULL;
}

static int copy_keys(struct access_settings *access, const struct settings *settings)
{
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                struct local_key key;
                int r = local_key_copy(&key, &settings->local_keys[i]);
                if (r < 0) {
                        return r;
                }
                r = access_settings_add_key(access, &key);
                if (r < 0) {
                        local_key_clear(&key);
                        return r;
                }
        }
        return access_settings_settle(access);
}

/* ---- groups that local keys name ---- */

struct named_groups {
        const struct access_rule *rules[ACCESS_CALLER_GROUPS_MAX];
        size_t n;
};

static bool note_group(struct named_groups *named, const struct access_rule *rule)
{
        if (rule->kind != ACCESS_RULE_GID && rule->kind != ACCESS_RULE_GROUP) {
                return true;
        }
        for (size_t i = 0; i < named->n; i++) {
                if (named->rules[i]->kind == rule->kind && named->rules[i]->id == rule->id &&
                    streq(named->rules[i]->name, rule->name)) {
                        return true;
                }
        }
        if (named->n == ACCESS_CALLER_GROUPS_MAX) {
                return false;
        }
        named->rules[named->n++] = rule;
        return true;
}

static bool names_too_many_groups(const struct settings *settings)
{
        struct named_groups named = { .n = 0 };

        for (size_t i = 0; i < settings->n_local_keys; i++) {
                const struct access_rules *callers = &settings->local_keys[i].callers;
                for (size_t j = 0; j < callers->n; j++) {
                        if (!note_group(&named, &callers->rules[j])) {
                                return true;
                        }
                }
        }
        return false;
}

/* ---- all of it ---- */

int access_settings_new(struct access_settings **ret, const struct settings *settings, uid_t own_uid)
{
        _cleanup_(access_settings_freep) struct access_settings *access = calloc(1, sizeof(*access));
        if (!access) {
                return -ENOMEM;
        }
        if (names_too_many_groups(settings)) {
                return -E2BIG;
        }
        access->own_uid = own_uid;
        access->metrics = settings->metrics;
        access->socket_group_by_name =
                settings->has_socket_group && settings->socket_group.kind == ACCESS_RULE_GROUP;
        access->max_connections = settings->max_connections;
        access->max_connections_per_user = settings->max_connections_per_user;
        int r = access_rules_copy(&access->allow, &settings->allow);
        if (r < 0) {
                return r;
        }
        r = access_rules_copy(&access->operators, &settings->operators);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                r = copy_environment(&access->environments[access->n_environments++],
                                     &settings->environments[i]);
                if (r < 0) {
                        return r;
                }
        }
        r = copy_keys(access, settings);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(access);
        return 0;
}
