/* What the settings say about callers: who may do what, and how many may come. The numbers of names are in
 * the rules; a copy of its own, as callers are looked after where no settings are read. */
#pragma once

#include "lib/settings.h"

struct access_environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        bool has_allow, has_operators; /* else the lists for all environments count */
        struct access_rules allow, operators;
};

struct access_settings {
        uid_t own_uid; /* the daemon's: it counts as listed where the default lists stand */
        bool metrics;
        bool socket_group_by_name; /* the group of our unix sockets is a name's */
        uint32_t max_connections;
        uint32_t max_connections_per_user;
        struct access_rules allow, operators;
        struct access_environment environments[SETTINGS_ENVIRONMENTS_MAX]; /* as in the settings */
        size_t n_environments;
};

/* own_uid: of the daemon. -ENOMEM. */
int access_settings_new(struct access_settings **ret, const struct settings *settings, uid_t own_uid);
/* NULL is fine; returns NULL. */
struct access_settings *access_settings_free(struct access_settings *settings);
void access_settings_freep(struct access_settings **settings);
