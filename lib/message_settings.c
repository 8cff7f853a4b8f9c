/* The settings about callers, as messages and back. */
#include "lib/message_settings.h"

#include "lib/util.h"

#include <errno.h>

/* The lists of all environments, then two of each: the allowed callers, and the operators. */
#define LISTS_OF_ONE 2

void message_settings_fill(struct message_settings *ret, const struct access_settings *settings,
                           bool end_unix)
{
        memset(ret, 0, sizeof(*ret));
        ret->type = MESSAGE_SETTINGS;
        ret->own_uid = settings->own_uid;
        ret->metrics = settings->metrics;
        ret->socket_group_by_name = settings->socket_group_by_name;
        ret->end_unix = end_unix;
        ret->max_connections = settings->max_connections;
        ret->max_connections_per_user = settings->max_connections_per_user;
        ret->n_environments = (uint32_t)settings->n_environments;
        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct access_environment *from = &settings->environments[i];
                struct message_settings_environment *to = &ret->environments[i];

                message_set_text(to->name, sizeof(to->name), from->name);
                to->has_allow = from->has_allow;
                to->has_operators = from->has_operators;
        }
}

static const struct access_rules *list_at(const struct access_settings *settings, int environment,
                                          bool operators)
{
        if (environment < 0) {
                return operators ? &settings->operators : &settings->allow;
        }
        const struct access_environment *one = &settings->environments[environment];
        return operators ? &one->operators : &one->allow;
}

/* Without its gaps. */
static void copy_rule(struct access_rule *to, const struct access_rule *from)
{
        to->kind = from->kind;
        to->resolved = from->resolved;
        to->absent = from->absent;
        to->optional = from->optional;
        to->id = from->id;
        message_set_text(to->name, sizeof(to->name), from->name);
}

bool message_rules_next(struct message_rules *ret, const struct access_settings *settings, size_t *place)
{
        while (*place < LISTS_OF_ONE * (1 + settings->n_environments)) {
                int environment = (int)(*place / LISTS_OF_ONE) - 1;
                bool operators = *place % LISTS_OF_ONE != 0;
                const struct access_rules *list = list_at(settings, environment, operators);

                ++*place;
                if (list->n > 0) {
                        memset(ret, 0, sizeof(*ret));
                        ret->type = MESSAGE_RULES;
                        ret->environment = environment;
                        ret->operators = operators;
                        ret->n = (uint32_t)list->n;
                        for (size_t i = 0; i < list->n; i++) {
                                copy_rule(&ret->rules[i], &list->rules[i]);
                        }
                        return true;
                }
        }
        return false;
}

int message_settings_begin(struct access_settings **ret, const struct message_settings *message)
{
        struct access_settings *settings = calloc(1, sizeof(*settings));

        if (!settings) {
                return -ENOMEM;
        }
        settings->own_uid = message->own_uid;
        settings->metrics = message->metrics;
        settings->socket_group_by_name = message->socket_group_by_name;
        settings->max_connections = message->max_connections;
        settings->max_connections_per_user = message->max_connections_per_user;
        settings->n_environments = message->n_environments;
        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct message_settings_environment *from = &message->environments[i];
                struct access_environment *to = &settings->environments[i];

                memcpy(to->name, from->name, sizeof(to->name));
                to->has_allow = from->has_allow;
                to->has_operators = from->has_operators;
        }
        *ret = settings;
        return 0;
}

int message_settings_take(struct access_settings *settings, const struct message_rules *message)
{
        if (message->environment >= (int32_t)settings->n_environments) {
                return -EBADMSG;
        }
        struct access_rules *list =
                (struct access_rules *)list_at(settings, message->environment, message->operators);

        if (list->n > 0) {
                return -EBADMSG;
        }
        for (uint32_t i = 0; i < message->n; i++) {
                int r = access_rules_add(list, &message->rules[i]);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
