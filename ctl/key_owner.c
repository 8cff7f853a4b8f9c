/* Key owner: looks into the user database. */
#include "ctl/key_owner.h"

#include "ctl/scope.h"
#include "ctl/text.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#define DAEMON_USER "eqp-broker"
#define GROUPS_MAX  64

const char *owner_name(uid_t uid, char buffer[static OWNER_NAME_MAX])
{
        const struct passwd *user = getpwuid(uid);

        if (user) {
                text_clean(buffer, OWNER_NAME_MAX, user->pw_name, /* unicode= */ false);
        } else {
                (void)snprintf(buffer, OWNER_NAME_MAX, "%u", (unsigned)uid);
        }
        return buffer;
}

const char *owner_role(uid_t uid, char buffer[static OWNER_NAME_MAX])
{
        (void)owner_name(uid, buffer);
        if (uid == 0 || streq(buffer, DAEMON_USER)) {
                return buffer;
        }
        return uid == geteuid() ? "this user" : "another user";
}

static bool is_member(const char *name, gid_t primary, gid_t group)
{
        gid_t groups[GROUPS_MAX];
        int n = GROUPS_MAX;

        if (getgrouplist(name, primary, groups, &n) < 0) {
                n = GROUPS_MAX;
        }
        for (int i = 0; i < n; i++) {
                if (groups[i] == group) {
                        return true;
                }
        }

        return false;
}

bool daemon_user_may_read(const struct stat *status)
{
        const struct passwd *user = getpwnam(DAEMON_USER);
        mode_t read = S_ISDIR(status->st_mode) ? 05 : 04;
        unsigned shift = 0;

        if (!user || user->pw_uid == 0 || scope_is_user()) {
                return true;
        }
        if (user->pw_uid == status->st_uid) {
                shift = 6;
        } else if (is_member(DAEMON_USER, user->pw_gid, status->st_gid)) {
                shift = 3;
        }
        return (status->st_mode >> shift & read) == read;
}
