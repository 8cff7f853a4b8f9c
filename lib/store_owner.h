/* The users that a store's unix socket may belong to: programs of its owner get the store's password. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Is it one that may run a store, for a daemon of this user: root, the same user, or a system user, as
 * packages and units have them (up to 999, or one of DynamicUser=)? */
bool store_owner_expected(uid_t owner, uid_t daemon_uid);
