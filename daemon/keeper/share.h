/* The stores by which session tokens are shared, for all environments: all that it takes to ask one, which
 * is to be asked first, and how it went. */
#pragma once

#include "daemon/base/curl_loop.h"
#include "daemon/keeper/share_files.h"
#include "lib/settings.h"
#include "lib/store_state.h"

#include <systemd/sd-event.h>

/* Zeroed: nothing is shared. */
struct share {
        sd_event *event;
        struct curl_loop *curl;
        const struct share_settings *settings; /* NULL: nothing is shared */
        struct share_files files;
        bool quiet;   /* nothing is logged of a store: the one who asks says how it is */
        bool blind;   /* the files that [share] names could not be read: no store is asked */
        size_t first; /* the store to be asked first: the latest that was fine */
        /* How the store is, as the journal heard last, and as it was noted last; when the latest trouble was
         * told (CLOCK_BOOTTIME; 0: none), and how often it changed untold since. */
        bool told;
        enum store_state told_state, noted_state;
        uint64_t trouble_usec;
        uint64_t n_untold;
};

/* These settings count from now on, and are borrowed until the next ones. Files that cannot be read are told
 * to the journal, and nothing is shared until they can. */
void share_configure(struct share *share, const struct settings *settings);
void share_clear(struct share *share);

/* Is anything shared? */
bool share_is_on(const struct share *share);

/* That is how the store of this number was. why: all beyond the state, or "". The journal hears of changes:
 * of a trouble a minute at most, and of its end, with how often it changed between. */
void share_note(struct share *share, size_t number, enum store_state state, const char *why);
