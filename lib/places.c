/* Places: two sets of paths, and the choice between them. */
#include "lib/places.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

static const struct places of_system = { .config = PLACES_SYSTEM_CONFIG,
                                         .keys = PLACES_SYSTEM_KEYS,
                                         .socket = PLACES_SYSTEM_SOCKET };

static bool is_absolute(const char *path)
{
        return path && path[0] == '/';
}

/* Where a path goes into settings and messages, it must be one line. */
static bool is_plain(const char *path)
{
        for (const char *c = path; *c != '\0'; c++) {
                if ((unsigned char)*c < 0x20 || *c == 0x7f) {
                        return false;
                }
        }
        return true;
}

bool places_user_socket(char ret[static PLACES_SOCKET_MAX], const char *runtime)
{
        if (!is_absolute(runtime) || !is_plain(runtime)) {
                return false;
        }
        int n = snprintf(ret, PLACES_SOCKET_MAX, "%s/eqp-broker/eqp-broker.sock", runtime);
        return n > 0 && n < PLACES_SOCKET_MAX;
}

static bool find_config(struct places *places, const struct places_surroundings *around)
{
        bool has_config_home = is_absolute(around->config_home);
        const char *base = has_config_home ? around->config_home : around->home;
        const char *folder = has_config_home ? "" : "/.config";

        if (!is_absolute(base) || !is_plain(base)) {
                return false;
        }
        int n = snprintf(places->config, PLACES_PATH_MAX, "%s%s/eqp-broker/eqp-brokerd.conf", base, folder);
        int m = snprintf(places->keys, PLACES_PATH_MAX, "%s%s/eqp-broker/keys", base, folder);
        return n > 0 && n < PLACES_PATH_MAX && m > 0 && m < PLACES_PATH_MAX;
}

/* NULL: found. */
static const char *find_user(struct places *ret, const struct places_surroundings *around)
{
        struct places places = { .user = true, .uid = around->uid };

        if (!places_user_socket(places.socket, around->runtime)) {
                return "XDG_RUNTIME_DIR is not set, or too long: log in with a session, or set it to a "
                       "directory "
                       "of this user's, mode 0700";
        }
        if (!around->owns_runtime) {
                return "the runtime directory (XDG_RUNTIME_DIR) is not there, or is another user's: log in "
                       "with a "
                       "session, or set it to a directory of this user's, mode 0700";
        }
        if (!find_config(&places, around)) {
                return "neither XDG_CONFIG_HOME nor HOME is set to an absolute path that is short enough: "
                       "set one "
                       "of them";
        }
        *ret = places;
        return NULL;
}

int places_find(struct places *ret, enum places_scope scope, const struct places_surroundings *around,
                const char **reterr_why)
{
        const char *why = "";

        if (scope == PLACES_USER || (scope == PLACES_AUTO && around->uid != 0)) {
                why = find_user(ret, around);
                if (!why) {
                        return 0;
                }
        }
        if (scope == PLACES_USER) {
                *reterr_why = why;
                return -ENOENT;
        }
        *ret = of_system;
        return 0;
}
