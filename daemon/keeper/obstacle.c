/* Why a file may not be read; see the header. */
#include "daemon/keeper/obstacle.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 8

static bool is_closed(const char *path, int mode)
{
        return faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0 && (errno == EACCES || errno == EPERM);
}

/* The first directory on the way that may not be passed. */
static bool find_on_the_way(const char *path, struct obstacle *ret)
{
        for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                (void)snprintf(ret->path, sizeof(ret->path), "%.*s", (int)(slash - path), path);
                if (is_closed(ret->path, X_OK)) {
                        ret->on_the_way = ret->is_directory = true;
                        return true;
                }
        }
        return false;
}

/* Where a link leads, in place of its path. False: it is none. */
static bool follow(char path[static PATH_MAX])
{
        char target[PATH_MAX], joined[PATH_MAX];
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        const char *slash = strrchr(path, '/');

        if (length <= 0) {
                return false;
        }
        target[length] = '\0';
        int folder = target[0] == '/' || !slash ? 0 : (int)(slash + 1 - path);
        int n = snprintf(joined, sizeof(joined), "%.*s%s", folder, path, target);
        if (n < 0 || (size_t)n >= sizeof(joined)) {
                return false;
        }
        memcpy(path, joined, (size_t)n + 1);
        return true;
}

bool obstacle_find(const char *path, struct obstacle *ret)
{
        char at[PATH_MAX];
        struct stat status;

        if (strlen(path) >= sizeof(at)) {
                return false;
        }
        (void)snprintf(at, sizeof(at), "%s", path);
        *ret = (struct obstacle){ 0 };
        for (unsigned i = 0; i < LINKS_MAX; i++) {
                if (find_on_the_way(at, ret)) {
                        return true;
                }
                if (!follow(at)) {
                        break;
                }
        }
        bool known = stat(at, &status) == 0;
        ret->is_directory = known && S_ISDIR(status.st_mode);
        (void)snprintf(ret->path, sizeof(ret->path), "%s", at);
        return is_closed(at, ret->is_directory ? R_OK | X_OK : R_OK);
}

const char *obstacle_cure(const struct obstacle *obstacle)
{
        return obstacle->on_the_way ? "chmod go+x" : obstacle->is_directory ? "chmod go+rx" : "chmod go+r";
}
