/* What a caller may do, judged by the rules of the settings. */
#pragma once

#include "daemon/frontend/callers/peer.h"
#include "lib/settings.h"

/* A bit per environment, in the order of settings->environments. */
struct access_rights {
        uint32_t use;     /* may have tokens */
        uint32_t operate; /* may refresh */
        bool reload;      /* may have configuration and keys read again */
};

/* What this peer may do: nothing if he is unknown. Where the default lists stand, the daemon's own user may
 * all. Root and that user may reload in any case, as they could send the signal. */
struct access_rights access_judge(const struct settings *settings, const struct peer *peer);

/* Which environments' tokens this unit may have as credentials: a bit each, as above. */
uint32_t access_judge_unit(const struct settings *settings, const char *unit);

/* Do his rights depend on rules by name, which have to be up to date then? */
bool access_needs_names(const struct settings *settings, const struct peer *peer);

/* Would knowing the peer's groups make a difference? */
bool access_needs_groups(const struct settings *settings, const struct peer *peer);
