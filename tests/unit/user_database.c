/* A user database of the test's own; see the header. */
#include "tests/unit/user_database.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

volatile struct user_database user_database;

int __wrap_getpwnam_r(const char *name, struct passwd *user, char *texts, size_t size, struct passwd **ret);
int __wrap_getgrnam_r(const char *name, struct group *group, char *texts, size_t size, struct group **ret);

static void hang(const char *name)
{
        while (user_database.hangs && strcmp(user_database.hangs, name) == 0) {
                (void)usleep(1000);
        }
}

static int error(void)
{
        return user_database.mute ? errno : user_database.error;
}

int __wrap_getpwnam_r(const char *name, struct passwd *user, char *texts, size_t size, struct passwd **ret)
{
        hang(name);
        user->pw_uid = user_database.id;
        *ret = user_database.known && !user_database.error ? user : NULL;
        return error();
}

int __wrap_getgrnam_r(const char *name, struct group *group, char *texts, size_t size, struct group **ret)
{
        hang(name);
        group->gr_gid = user_database.id;
        *ret = user_database.known && !user_database.error ? group : NULL;
        return error();
}
