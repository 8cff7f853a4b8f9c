/* The settings. Text goes in, a checked struct comes out; files are read by the caller. */
#pragma once

#include "lib/access_rule.h"
#include "lib/gateway_rule.h"
#include "lib/listen_address.h"
#include "lib/local_key.h"
#include "lib/names.h"
#include "lib/places.h"
#include "lib/store_address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_LISTEN_MAX       16
#define SETTINGS_ENVIRONMENTS_MAX 32
#define SETTINGS_ERROR_MAX        512
#define SETTINGS_TEXT_MAX         (1024 * 1024) /* bytes of one file */
#define SETTINGS_VALUE_MAX        160           /* characters of one value */
#define SHARE_STORES_MAX          8

#define GATEWAY_BODY_MAX_DEFAULT            (UINT64_C(64) * 1024 * 1024)
#define GATEWAY_ANSWER_TIMEOUT_DEFAULT_USEC UINT64_C(60000000)

#define SOCKET_MODE_DEFAULT              0666
#define SOCKET_MODE_USER                 0600
#define MAX_CONNECTIONS_MOST             65536
#define MAX_CONNECTIONS_DEFAULT          512
#define MAX_CONNECTIONS_PER_USER_DEFAULT 64

struct environment_settings {
        char name[ENVIRONMENT_NAME_MAX + 1];
        char *place;           /* "FILE:LINE" of its first section; NULL: it has none */
        char *base_url;        /* https://host[:port][/path], no trailing slash */
        char *account;         /* mage_id that its tokens are of; NULL: not set */
        char *ca_file;         /* NULL: the system's */
        uint32_t lifetime_sec; /* asked for */
        uint64_t connect_timeout_usec;
        uint64_t exchange_timeout_usec;
        bool has_allow, has_operators; /* else [broker]'s count */
        struct access_rules allow, operators;
        bool gateway;                         /* requests are passed on; the rest is of [gateway NAME] */
        struct gateway_rules gateway_rules;   /* allow and deny, in their order */
        bool encoded_slash;                   /* %2F may stand inside a segment of a path */
        uint64_t gateway_body_max;            /* bytes of a request's body */
        uint64_t gateway_answer_timeout_usec; /* for the head of an answer, once the request is sent */
};

/* Session tokens are shared with other hosts that hold the same access key. */
struct share_settings {
        struct store_address stores[SHARE_STORES_MAX]; /* in the order in which they are tried */
        size_t n_stores;                               /* 0: nothing is shared */
        char place[GATEWAY_PLACE_MAX + 1]; /* "FILE:LINE" of its last section; "": there is none */
        char *username;                    /* NULL: none, the store's default user */
        char *password_file;               /* NULL: no password */
        char *ca_file;                     /* NULL: the system's */
        char *share_secret_file;           /* NULL: all who have the access key take part */
};

struct settings {
        struct listen_address listen[SETTINGS_LISTEN_MAX];
        size_t n_listen;
        uint32_t socket_mode;            /* of unix sockets that we make; at most 0777 */
        bool has_socket_group;           /* else the kernel's choice */
        struct access_rule socket_group; /* ACCESS_RULE_GID, or ACCESS_RULE_GROUP to be resolved */
        char *keys_directory;            /* NULL: not set, the default applies */
        char default_keys_directory[PLACES_PATH_MAX];
        bool of_user; /* defaults are of a user's own broker */
        bool key_permissions_relaxed;
        bool ready_when_listening; /* ready = listening */
        bool metrics;
        uint32_t max_connections;
        uint32_t max_connections_per_user;
        struct access_rules allow, operators;
        char unit_place[GATEWAY_PLACE_MAX + 1]; /* "FILE:LINE" of the last rule for a unit; "": none */
        struct environment_settings environments[SETTINGS_ENVIRONMENTS_MAX];
        struct share_settings share;
        size_t n_environments;        /* sorted: production, sandbox first as built in, then as configured */
        struct local_key *local_keys; /* as configured, each with a name and an ID of its own */
        size_t n_local_keys;
        size_t *local_key_order; /* their numbers, sorted by name; for settings_local_key() */
};

/* Makes settings that hold the system's defaults only. -ENOMEM. */
int settings_new(struct settings **ret);

/* The same with the defaults of these places. A user's own broker listens on its socket only, for that user
 * and root. -ENOMEM. */
int settings_new_at(struct settings **ret, const struct places *places);
/* NULL is fine; returns NULL. */
struct settings *settings_free(struct settings *settings);
void settings_freep(struct settings **settings);

/* Adds an environment with its defaults, or finds the one of that name. -E2BIG: there are too many. -EINVAL:
 * that is no name of one. */
int settings_add_environment(struct settings *settings, const char *name, struct environment_settings **ret);

/* Adds an empty local key, or finds the one of that name; the next addition may move them all. -ENOMEM.
 * -EINVAL: that is no name of one. */
int settings_add_local_key(struct settings *settings, const char *name, struct local_key **ret);

/* Reads the text of one file on top of what is there. A later file may set again what an earlier one set (a
 * drop-in overrides; its lists replace the earlier file's lists); within a file a repeated single key is an
 * error. -EINVAL, -ENOMEM: reterr_message says "FILE:LINE: what, and what to do", the first error counts.
 * Keys: exactly those of the sample file config/eqp-brokerd.conf. After an error the settings are half read:
 * only settings_free() makes sense. */
int settings_read(struct settings *settings, const char *file_name, const char *text, size_t length,
                  char reterr_message[static SETTINGS_ERROR_MAX]);

/* To be called after the last file: checks what only the whole can show (an environment without base_url,
 * more connections for one user than there are, a local key for an environment that there is not, or with
 * the ID of another). A list that was written out just as the default is the default, so its optional
 * entries are optional; and the default of max_connections_per_user shrinks to max_connections. -EINVAL with
 * a message as above, -ENOMEM. */
int settings_finish(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX]);

/* The effective settings as a configuration file; settings_read() of it gives the same settings. The caller
 * frees. NULL: no memory. */
char *settings_format(const struct settings *settings);

/* NULL: there is no such environment. */
const struct environment_settings *settings_environment(const struct settings *settings, const char *name);

/* NULL: there is no such local key. */
const struct local_key *settings_local_key(const struct settings *settings, const char *name);
