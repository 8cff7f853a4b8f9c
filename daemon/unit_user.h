/* The user that the unit runs the daemon as: root's checks are to be made with that user's eyes. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define UNIT_USER_NAME_MAX 64

struct unit_user {
        char name[UNIT_USER_NAME_MAX];
        uid_t uid;
        bool has_credentials; /* the unit has some: the keys may be among them */
};

/* Asks systemd, which may have a drop-in, and makes this process that user's, for good. True: it is. False:
 * it is as it was, since there is no such unit here, or since that is root's; or, which the log says, since
 * it could not be done. */
bool unit_user_become(struct unit_user *ret);
