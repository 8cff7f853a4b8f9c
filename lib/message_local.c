/* Local keys and the gateway's settings, as messages and back. */
#include "lib/message_local.h"

#include "lib/util.h"

#include <errno.h>

/* ---- there ---- */

static size_t fill_gateway(union message_local *ret, const struct access_environment *environment, size_t i)
{
        memset(ret, 0, sizeof(ret->gateway));
        ret->gateway.type = MESSAGE_GATEWAY;
        ret->gateway.environment = (int32_t)i;
        ret->gateway.on = environment->gateway;
        ret->gateway.encoded_slash = environment->encoded_slash;
        ret->gateway.body_max = environment->gateway_body_max;
        ret->gateway.answer_timeout_usec = environment->gateway_answer_timeout_usec;
        return sizeof(ret->gateway);
}

static size_t fill_rule(union message_local *ret, const struct gateway_rule *rule, int32_t environment)
{
        const struct message_gateway_rule message = { MESSAGE_GATEWAY_RULE, environment, *rule };

        message_copy(&ret->rule, &message, MESSAGE_GATEWAY_RULE);
        return sizeof(ret->rule);
}

static size_t fill_key(union message_local *ret, const struct local_key *key)
{
        struct message_local_key *message = &ret->key;

        memset(message, 0, sizeof(*message));
        message->type = MESSAGE_LOCAL_KEY;
        message->has_old = key->has_old;
        message->real = key->real;
        message->old_until_sec = key->old_until_sec;
        message->expires_sec = key->expires_sec;
        message_set_text(message->name, sizeof(message->name), key->name);
        message_set_text(message->environment, sizeof(message->environment), key->environment);
        message_set_text(message->id, sizeof(message->id), key->id);
        memcpy(message->secret_hash, key->secret_hash, sizeof(message->secret_hash));
        memcpy(message->old_secret_hash, key->old_secret_hash, sizeof(message->old_secret_hash));
        message_set_text(message->place, sizeof(message->place), key->place);
        return sizeof(*message);
}

static size_t fill_caller(union message_local *ret, const struct access_rule *rule)
{
        const struct message_local_caller message = { MESSAGE_LOCAL_CALLER, *rule };

        message_copy(&ret->caller, &message, MESSAGE_LOCAL_CALLER);
        return sizeof(ret->caller);
}

/* 0: there is nothing more of this environment. */
static size_t environment_part(union message_local *ret, const struct access_environment *environment,
                               size_t i, size_t part)
{
        const struct gateway_rules *rules = &environment->gateway_rules;

        if (part == 0) {
                return fill_gateway(ret, environment, i);
        }
        return part <= rules->n ? fill_rule(ret, &rules->rules[part - 1], (int32_t)i) : 0;
}

static size_t key_part(union message_local *ret, const struct local_key *key, size_t part)
{
        if (part == 0) {
                return fill_key(ret, key);
        }
        part--;
        if (part < key->callers.n) {
                return fill_caller(ret, &key->callers.rules[part]);
        }
        part -= key->callers.n;
        return part < key->rules.n ? fill_rule(ret, &key->rules.rules[part], -1) : 0;
}

size_t message_local_next(union message_local *ret, const struct access_settings *settings,
                          struct message_local_place *place)
{
        for (;;) {
                size_t n = place->keys ? settings->n_local_keys : settings->n_environments;
                if (place->i < n) {
                        size_t part = place->part++;
                        size_t size = place->keys ? key_part(ret, &settings->local_keys[place->i], part)
                                                  : environment_part(ret, &settings->environments[place->i],
                                                                     place->i, part);
                        if (size > 0) {
                                return size;
                        }
                        place->i++;
                        place->part = 0;
                } else if (!place->keys) {
                        *place = (struct message_local_place){ .keys = true };
                } else {
                        return 0;
                }
        }
}

/* ---- and back ---- */

static struct access_environment *environment_at(struct access_settings *settings, int32_t i)
{
        return i >= 0 && (size_t)i < settings->n_environments ? &settings->environments[i] : NULL;
}

static struct local_key *last_key(struct access_settings *settings)
{
        return settings->n_local_keys > 0 ? &settings->local_keys[settings->n_local_keys - 1] : NULL;
}

static int take_gateway(struct access_settings *settings, const struct message_gateway *message)
{
        struct access_environment *environment = environment_at(settings, message->environment);

        if (!environment) {
                return -EBADMSG;
        }
        environment->gateway = message->on;
        environment->encoded_slash = message->encoded_slash;
        environment->gateway_body_max = message->body_max;
        environment->gateway_answer_timeout_usec = message->answer_timeout_usec;
        return 0;
}

static int take_rule(struct access_settings *settings, const struct message_gateway_rule *message)
{
        struct access_environment *environment = environment_at(settings, message->environment);
        struct local_key *key = message->environment < 0 ? last_key(settings) : NULL;

        if (!environment && !key) {
                return -EBADMSG;
        }
        return gateway_rules_add(environment ? &environment->gateway_rules : &key->rules, &message->rule);
}

static int take_key(struct access_settings *settings, const struct message_local_key *message)
{
        struct local_key key = { .has_secret = true,
                                 .has_old = message->has_old,
                                 .real = message->real,
                                 .old_until_sec = message->old_until_sec,
                                 .expires_sec = message->expires_sec };

        memcpy(key.name, message->name, sizeof(key.name));
        memcpy(key.environment, message->environment, sizeof(key.environment));
        memcpy(key.id, message->id, sizeof(key.id));
        memcpy(key.secret_hash, message->secret_hash, sizeof(key.secret_hash));
        memcpy(key.old_secret_hash, message->old_secret_hash, sizeof(key.old_secret_hash));
        memcpy(key.place, message->place, sizeof(key.place));
        return access_settings_add_key(settings, &key);
}

static int take_caller(struct access_settings *settings, const struct message_local_caller *message)
{
        struct local_key *key = last_key(settings);

        return key ? access_rules_add(&key->callers, &message->rule) : -EBADMSG;
}

int message_local_take(struct access_settings *settings, const void *message)
{
        switch (*(const uint32_t *)message) {
        case MESSAGE_GATEWAY:
                return take_gateway(settings, message);
        case MESSAGE_LOCAL_KEY:
                return take_key(settings, message);
        case MESSAGE_LOCAL_CALLER:
                return take_caller(settings, message);
        default:
                return take_rule(settings, message);
        }
}
