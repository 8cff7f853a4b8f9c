/* One environment at work: carries out what its refresh machine decides, and holds the session in hand.
 *
 * The decisions are in lib/refresh; the requests are behind daemon/keeper/upstream; here is no policy of its
 * own.
 */
#pragma once

#include "daemon/base/waiters.h"
#include "daemon/keeper/upstream.h"
#include "lib/refresh_past.h"
#include "lib/session.h"
#include "lib/settings.h"

#include <systemd/sd-event.h>

/* The latest thing that went wrong. */
struct environment_trouble {
        bool any;
        enum exchange_outcome outcome;
        uint64_t at_usec;
        char key_label[KEY_LABEL_MAX + 1];
        char why[256];
};

/* The latest answer that was not understood, redacted. */
struct environment_odd_answer {
        bool any;
        uint64_t at_usec;
        long status;
        char content_type[64];
        char header_names[ANSWER_HEADER_NAMES_MAX];
        struct answer_excerpt excerpt;
};

/* Who wants to know when something happens. */
struct environment_watcher {
        void (*on_change)(void *userdata); /* state changed: for the service's status */
        void (*on_sent)(void *userdata);   /* an exchange begins, not on the wire yet; may be NULL */
        void *userdata;
};

struct environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        const struct environment_settings *settings; /* owned by the broker's settings; replaced on reload */
        sd_event *event;
        struct upstream *upstream;
        struct environment_watcher watcher;

        struct refresh refresh;
        struct session *session; /* in hand; NULL: none */
        uint64_t session_key;    /* serial of the key that obtained it */
        struct upstream_exchange *exchange;
        sd_event_source *timer;
        uint64_t last_serial;
        struct waiters waiters; /* told at every outcome and change of keys */

        uint64_t last_refresh_usec;
        enum refresh_limit limit; /* what puts a due exchange off now; to tell it once */
        struct environment_trouble trouble;
        struct environment_odd_answer odd_answer;
        uint64_t n_outcomes[_EXCHANGE_OUTCOME_COUNT];
        uint64_t n_exchanges; /* started */
        uint64_t n_answered;  /* ended, one way or the other */
        uint64_t n_failures_in_row;
        uint64_t keys_told[KEYS_PER_ENVIRONMENT_MAX]; /* to the journal: their serials */
        size_t n_keys_told;
        uint64_t n_limited; /* how often the budget or the upstream's Retry-After put one off */
};

int environment_new(struct environment **ret, sd_event *event, struct upstream *upstream,
                    const struct environment_settings *settings, const struct environment_watcher *watcher);
/* Nobody may be waiting any more. Keys of it that no file gives are let go. NULL is fine; returns NULL. */
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

/* Is there at least one key? */
bool environment_configured(const struct environment *environment);

/* The session to hand out now, still the environment's; NULL if none lives. The read path's own check of
 * expiry. */
struct session *environment_session(const struct environment *environment, uint64_t now_usec);

/* A caller needs min_ttl_sec; may start an exchange. */
enum refresh_verdict environment_demand(struct environment *environment, uint32_t min_ttl_sec,
                                        uint64_t now_usec);

/* A caller says that the upstream refused this token. */
enum refresh_verdict environment_report(struct environment *environment, const char *ust, size_t length,
                                        uint64_t now_usec);

/* An operator wants a new token. */
enum refresh_verdict environment_operator_refresh(struct environment *environment, uint64_t now_usec);
