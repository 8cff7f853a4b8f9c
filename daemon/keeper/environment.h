/* One environment at work: carries out what its refresh machine decides, and holds the session in hand.
 *
 * The decisions are in lib/refresh; here is no policy of its own. */
#pragma once

#include "daemon/keeper/curl_loop.h"
#include "daemon/keeper/exchange.h"
#include "daemon/keeper/key_files.h"
#include "lib/environment_view.h"
#include "lib/refresh_past.h"
#include "lib/session.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

struct environment;

/* Called when something happens. */
struct environment_watcher {
        void (*on_change)(struct environment *environment, void *userdata); /* the view may have changed */
        void (*on_sent)(void *userdata); /* an exchange begins, not on the wire yet; may be NULL */
        void *userdata;
};

/* What every environment works with. */
struct environment_tools {
        sd_event *event;
        struct curl_loop *curl;
        struct key_files *keys;
};

struct environment {
        struct environment_view view;                /* what others may know */
        const struct environment_settings *settings; /* owned by the keeper's settings; replaced on reload */
        struct environment_tools tools;
        struct environment_watcher watcher;

        struct session *session; /* in hand; NULL: none */
        uint64_t session_key;    /* serial of the key that obtained it */
        struct exchange *exchange;
        uint32_t asked_lifetime_sec; /* by the latest exchange */
        sd_event_source *timer;
        uint64_t last_serial;
        enum refresh_limit limit;                     /* what puts a due exchange off now; to log it once */
        uint64_t keys_told[KEYS_PER_ENVIRONMENT_MAX]; /* to the journal: their serials */
        size_t n_keys_told;
};

/* The tools stay the caller's. Negative errno. */
int environment_new(struct environment **ret, const struct environment_tools *tools,
                    const struct environment_settings *settings, const struct environment_watcher *watcher);
/* Keys of it that no file gives are let go. NULL is fine; returns NULL. */
struct environment *environment_free(struct environment *environment);

/* Other settings from now on. Another base URL ends the token in hand, which belongs to another account; see
 * refresh_move(). */
void environment_configure(struct environment *environment, const struct environment_settings *settings);

/* Takes up what the process before us left: right after environment_new() and environment_configure(), and
 * before environment_keys_changed(). session (NULL: none) gets one more reference; token and key are its
 * own, see refresh_restore(). Tells nobody. */
void environment_restore(struct environment *environment, const struct refresh_past *past,
                         struct session *session, const struct refresh_token *token,
                         const struct key_name *key);

/* Key files were read: takes their keys over. */
void environment_keys_changed(struct environment *environment);

/* The session to hand out now, still the environment's; NULL if none lives. The read path's own check of
 * expiry. */
struct session *environment_session(const struct environment *environment, uint64_t now_usec);

/* A caller needs min_ttl_sec; may start an exchange. */
enum refresh_verdict environment_demand(struct environment *environment, uint32_t min_ttl_sec,
                                        uint64_t now_usec);

/* A caller says that the upstream refused this token. */
enum refresh_verdict environment_report(struct environment *environment, const char *ust, size_t length,
                                        uint64_t now_usec);

/* An operator wants a new token. new_account: the account that it is of becomes the environment's. */
enum refresh_verdict environment_operator_refresh(struct environment *environment, bool new_account,
                                                  uint64_t now_usec);
