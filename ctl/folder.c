/* Folder. A hardened root has umask 027 or 077: the daemon, as another user, would find its folders closed,
 * and notice at its next start. */
#include "ctl/folder.h"

#include "ctl/scope.h"

#include <errno.h>
#include <sys/stat.h>

int folder_make(const char *path)
{
        mode_t mode = scope_is_user() ? 0700 : 0755;
        mode_t mask = umask(S_IWGRP | S_IWOTH);
        int r = mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;

        (void)umask(mask);
        return r;
}
