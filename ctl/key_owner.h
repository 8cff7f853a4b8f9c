/* Key owner: whose a key file is, and whether the daemon's user gets at it. */
#pragma once

#include "lib/util.h"

#include <sys/stat.h>

#define OWNER_NAME_MAX 64

/* The user's name, or else the number. Returns buffer. */
const char *owner_name(uid_t uid, char buffer[static OWNER_NAME_MAX]);

/* The same for a report that others read: only the names root and eqp-broker, else "this user" or "another
 * user". */
const char *owner_role(uid_t uid, char buffer[static OWNER_NAME_MAX]);

/* May the user eqp-broker read this file, or list this directory, as far as its mode tells? True where there
 * is no such user, or in a user's own broker: then the daemon runs as another. */
bool daemon_user_may_read(const struct stat *status);
