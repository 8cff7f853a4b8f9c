/* What the settings say about callers. */
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
                }
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
        int r = access_rules_copy(&ret->allow, &from->allow);
        return r < 0 ? r : access_rules_copy(&ret->operators, &from->operators);
}

int access_settings_new(struct access_settings **ret, const struct settings *settings, uid_t own_uid)
{
        _cleanup_(access_settings_freep) struct access_settings *access = calloc(1, sizeof(*access));
        if (!access) {
                return -ENOMEM;
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
        for (size_t i = 0; r >= 0 && i < settings->n_environments; i++) {
                r = copy_environment(&access->environments[access->n_environments++],
                                     &settings->environments[i]);
        }
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(access);
        return 0;
}
