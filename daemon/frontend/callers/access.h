/* A caller's rights, judged by the rules of the settings. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "lib/access_settings.h"

/* A peer's groups, those that the rules name, and its unit, as far as they are known. */
struct access_membership {
        bool known; /* the groups */
        size_t n;
        const gid_t *ids;
        const char *unit; /* NULL: none that a rule names, or not known */
};

/* A bit per environment, in the order of settings->environments. */
struct access_rights {
        uint32_t use;     /* may have tokens */
        uint32_t operate; /* may refresh */
        bool reload;      /* may have configuration and keys read again */
};

/* This peer's rights: none if it is unknown. Where the default lists stand, the daemon's own user may
 * all. Root and that user may reload in any case, as they could send the signal. */
struct access_rights access_judge(const struct access_settings *settings, const struct peer *peer,
                                  const struct access_membership *groups);

/* Which environments' tokens this unit may have as credentials: a bit each, as above. */
uint32_t access_judge_unit(const struct access_settings *settings, const char *unit);

/* Which environments' tokens may a request have that carries the local key of this name: a bit each, as
 * above. Only rules for that key count: it has its own rights, no matter which user calls. */
uint32_t access_judge_local(const struct access_settings *settings, const char *key);

/* Does what this peer may do depend on names, which have to be up to date then? On rules by name, and on the
 * unix socket also on the group that the socket has by name: members of another group with its number must
 * not get in. */
bool access_needs_names(const struct access_settings *settings, const struct peer *peer,
                        const struct access_membership *groups);

/* Would knowing the peer's groups make a difference? */
bool access_needs_groups(const struct access_settings *settings, const struct peer *peer);

/* Would knowing its unit, where it has these groups? Only on a unix socket, where the kernel can tell. */
bool access_needs_unit(const struct access_settings *settings, const struct peer *peer,
                       const struct access_membership *groups);
