/* Own places: from the environment and the kernel. */
#include "lib/own_places.h"

#include "lib/util.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNTIME_TEXT_MAX 32

/* text: room for the usual one. */
static const char *find_runtime(char text[static RUNTIME_TEXT_MAX])
{
        const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

        if (runtime && runtime[0] == '/') {
                return runtime;
        }
        (void)snprintf(text, RUNTIME_TEXT_MAX, "/run/user/%u", (unsigned)geteuid());
        return text;
}

static bool is_own_directory(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
               (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int own_places_find(struct places *ret, enum places_scope scope, const char **reterr_why)
{
        char usual[RUNTIME_TEXT_MAX];
        const char *runtime = find_runtime(usual);
        const struct places_surroundings around = { .uid = geteuid(),
                                                    .home = secure_getenv("HOME"),
                                                    .config_home = secure_getenv("XDG_CONFIG_HOME"),
                                                    .runtime = runtime,
                                                    .owns_runtime = is_own_directory(runtime) };

        return places_find(ret, scope, &around, reterr_why);
}

void own_places(struct places *ret)
{
        const char *why;

        (void)own_places_find(ret, PLACES_AUTO, &why);
}

bool own_places_socket(char ret[static PLACES_SOCKET_MAX])
{
        char usual[RUNTIME_TEXT_MAX];
        const char *runtime = find_runtime(usual);

        return is_own_directory(runtime) && places_user_socket(ret, runtime);
}
