/* The settings about callers: their rights, and their number. The numbers of names are in
 * the rules; a copy of its own, as callers are looked after where no settings are read. */
#pragma once

#include "lib/settings.h"

#define ACCESS_CALLER_GROUPS_MAX 1024 /* groups that local keys name, each counted once */

struct access_environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        bool has_allow, has_operators; /* else the lists for all environments count */
        struct access_rules allow, operators;
        bool gateway; /* requests are passed on, as the rest says; see struct environment_settings */
        struct gateway_rules gateway_rules;
        bool encoded_slash;
        uint64_t gateway_body_max;
        uint64_t gateway_answer_timeout_usec;
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
        struct local_key *local_keys; /* any number, sorted by name */
        size_t n_local_keys;
        const struct local_key **by_id; /* the same, sorted by ID */
        /* Do local keys or the gateway's rules name groups whose number is known? Do they have rules by
         * name?
         */
        bool groups_beyond, names_beyond;
};

/* own_uid: of the daemon. -ENOMEM. -E2BIG: local keys name more than ACCESS_CALLER_GROUPS_MAX groups. */
int access_settings_new(struct access_settings **ret, const struct settings *settings, uid_t own_uid);
/* NULL is fine; returns NULL. */
struct access_settings *access_settings_free(struct access_settings *settings);
void access_settings_freep(struct access_settings **settings);

/* NULL: there is none. */
const struct local_key *access_settings_key(const struct access_settings *settings, const char *name);
const struct local_key *access_settings_key_of_id(const struct access_settings *settings, const char *id);

/* For building them piece by piece: adds a key, taking what it holds over when it succeeds; then, once all
 * are there, sorts them. The functions above find nothing before. -ENOMEM. */
int access_settings_add_key(struct access_settings *settings, struct local_key *key);
int access_settings_settle(struct access_settings *settings);
