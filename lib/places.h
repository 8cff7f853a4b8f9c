/* Places: where a broker has its files where nothing else is said: the system's, or a user's own, without
 * root (by the XDG Base Directory Specification). Daemon, eqpctl and the client library go by the same
 * answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PLACES_PATH_MAX   256 /* with its NUL */
#define PLACES_SOCKET_MAX 108 /* likewise: the length that fits into a socket address */

#define PLACES_SYSTEM_CONFIG "/etc/eqp-broker/eqp-brokerd.conf"
#define PLACES_SYSTEM_KEYS   "/etc/eqp-broker/keys"
#define PLACES_SYSTEM_SOCKET "/run/eqp-broker/eqp-broker.sock"

enum places_scope {
        PLACES_AUTO, /* a user's own in an ordinary user's session, else the system's */
        PLACES_SYSTEM,
        PLACES_USER,
};

/* The facts behind the answer; NULL: not set. A path that is not absolute counts as not set. */
struct places_surroundings {
        uid_t uid;
        const char *home, *config_home; /* $HOME, $XDG_CONFIG_HOME */
        const char *runtime;            /* $XDG_RUNTIME_DIR, or where it is on a host with systemd */
        bool owns_runtime;              /* it is there, and of uid */
};

struct places {
        bool user; /* a user's own; else the system's */
        uid_t uid; /* user: whose */
        char config[PLACES_PATH_MAX];
        char keys[PLACES_PATH_MAX];
        char socket[PLACES_SOCKET_MAX];
};

/* Says where. An ordinary user's session is: another user than root, with a runtime directory of its own and
 * a home. -ENOENT: PLACES_USER, and *reterr_why, a static text, says what is missing for that. */
int places_find(struct places *ret, enum places_scope scope, const struct places_surroundings *around,
                const char **reterr_why);

/* The socket of this user's broker. False: runtime is NULL, not absolute or too long. */
bool places_user_socket(char ret[static PLACES_SOCKET_MAX], const char *runtime);
