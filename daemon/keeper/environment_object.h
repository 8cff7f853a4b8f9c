/* One environment at work: its object, for the few files that carry it out together: environment drives it,
 * environment_outcome judges its exchanges, environment_wishes takes what callers and operators want,
 * environment_ledger asks what others sent, environment_share talks to the store, environment_memory
 * remembers it. */
#pragma once

#include "daemon/base/curl_loop.h"
#include "daemon/keeper/exchange.h"
#include "daemon/keeper/key_files.h"
#include "lib/environment_view.h"
#include "lib/exchange_ledger.h"
#include "lib/refresh_past.h"
#include "lib/session.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

struct environment;
struct environment_memory;
struct environment_share;
struct share;

/* Called when something happens. */
struct environment_watcher {
        void (*on_change)(struct environment *environment, void *userdata); /* the view may have changed */
        void (*on_sent)(void *userdata); /* an exchange begins, not on the wire yet; may be NULL */
        void *userdata;
};

/* The tools of every environment. */
struct environment_tools {
        sd_event *event;
        struct curl_loop *curl;
        struct key_files *keys;
        struct exchange_ledger *ledger; /* exchanges by key, of all environments */
        struct share *share;            /* the stores; NULL: there are none */
        const uint8_t *salt;            /* of the digests by which keys are recognised, KEYED_SALT_SIZE */
};

struct environment {
        struct environment_view view;                /* the part that others may know */
        const struct environment_settings *settings; /* owned by the keeper's settings; replaced on reload */
        struct environment_tools tools;
        struct environment_watcher watcher;

        struct session *session;                       /* in hand; NULL: none */
        uint8_t session_key_digest[KEYED_DIGEST_SIZE]; /* of the key that obtained it, which may be gone */
        char account[MAGE_ID_MAX + 1]; /* whose tokens these are, as the first grant said; "": not known */
        char old_account[MAGE_ID_MAX + 1]; /* that an operator wants to be forgotten; "": none */
        uint64_t open_usec;                /* until then a grant of the old account decides nothing */
        struct environment_memory
                *memory; /* the knowledge of an earlier process, until the keys are read; may be NULL */
        struct environment_share *share; /* with others; NULL: nothing is, or was */
        struct exchange *exchange;
        uint8_t exchange_digest[KEYED_DIGEST_SIZE]; /* in the ledger */
        uint32_t asked_lifetime_sec;                /* by the latest exchange */
        uint32_t warned_lifetime_sec;               /* the latest grant's, if it was warned of; else 0 */
        sd_event_source *timer;
        uint64_t last_serial;
        enum refresh_limit limit;                     /* the obstacle to a due exchange; to log it once */
        uint64_t keys_told[KEYS_PER_ENVIRONMENT_MAX]; /* to the journal: their serials */
        size_t n_keys_told;
};
