/* The users that a store's unix socket may belong to. */
#include "lib/store_owner.h"

#define SYSTEM_UID_MAX  999
#define DYNAMIC_UID_MIN 61184
#define DYNAMIC_UID_MAX 65519

bool store_owner_expected(uid_t owner, uid_t daemon_uid)
{
        return owner == daemon_uid || owner <= SYSTEM_UID_MAX ||
               (owner >= DYNAMIC_UID_MIN && owner <= DYNAMIC_UID_MAX);
}
