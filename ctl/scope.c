/* Scope: the files that are there decide, so that a user who forgets sudo on a host with a broker is told
 * so, and does not put a key where nothing reads it. */
#include "ctl/scope.h"

#include "lib/own_places.h"

#include <string.h>
#include <unistd.h>

#define SYSTEM_FOLDER "/etc/eqp-broker"

static bool is_there(const char *path)
{
        return access(path, F_OK) == 0;
}

static bool has_folder(const struct places *places)
{
        char folder[PLACES_PATH_MAX];

        memcpy(folder, places->config, sizeof(folder));
        *strrchr(folder, '/') = '\0';
        return is_there(folder);
}

/* Root has one only where its socket says so. */
static bool is_own(const struct places *places)
{
        if (is_there(places->socket)) {
                return true;
        }
        return places->uid != 0 &&
               (has_folder(places) || (!is_there(PLACES_SYSTEM_SOCKET) && !is_there(SYSTEM_FOLDER)));
}

void scope_places(struct places *ret)
{
        const char *why;

        if (own_places_find(ret, PLACES_USER, &why) < 0 || !is_own(ret)) {
                (void)own_places_find(ret, PLACES_SYSTEM, &why);
        }
}

const char *scope_option(void)
{
        struct places usual, chosen;

        own_places(&usual);
        scope_places(&chosen);
        return usual.user == chosen.user ? NULL : chosen.user ? "--user" : "--system";
}

bool scope_is_user(void)
{
        struct places places;

        scope_places(&places);
        return places.user;
}
