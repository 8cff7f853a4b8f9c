/* Sharing an environment's tokens, for the files that carry it out: environment_share asks the store,
 * share_telling tells it, share_notes knows how things are. */
#pragma once

#include "daemon/keeper/environment_share.h"
#include "daemon/keeper/share.h"
#include "daemon/keeper/store_talk.h"
#include "lib/share_form.h"

#define SHARE_REPORTED_KEPT 16 /* the latest of them */

enum share_telling { SHARE_TELLS_SESSION, SHARE_TELLS_COOL_DOWN, SHARE_TELLS_LAPSE, SHARE_TELLS_NO_NEED };

/* How far our wall clock is ahead of another. */
struct share_skew {
        bool known;
        int64_t sec;
};

struct environment_share {
        struct environment *environment;
        const struct environment_share_user *user;
        struct share_skew upstream_skew, store_skew;
        uint8_t reported[SHARE_REPORTED_KEPT][KEYED_DIGEST_SIZE]; /* tokens, a ring */
        size_t n_reported;

        /* the claim under way */
        struct store_talk *claim;
        struct share_form *claim_form;
        struct store_place claim_place;
        uint64_t claim_key;
        struct refresh_claim answer;
        struct session *found;

        /* the lease that is ours, and has to end with the exchange */
        bool holds_lease;
        uint64_t lease_key;
        uint8_t lease_id[STORE_LEASE_ID_SIZE];

        /* the telling under way */
        struct store_talk *tell;
        struct share_form *tell_form;
        struct store_place tell_place;
        enum share_telling telling;
        bool told;               /* the store was asked to take it */
        struct session *session; /* to be told */
        uint64_t until_usec;     /* of the cool-down */
};

/* The names of a key, in a form that is the caller's; place->lease_id is left alone. Negative errno. */
int environment_share_form(const struct environment *environment, uint64_t key_serial,
                           struct share_form **ret, struct store_place *ret_place);

/* Is our clock known to be off? */
bool environment_share_is_off(const struct environment_share *share);

/* Can its tokens be shared, by the settings and its keys? */
enum share_mode environment_share_mode(const struct environment *environment);

/* The upstream's clock, as an exchange tells it; the store's. */
void environment_share_note_upstream(struct environment_share *share, const struct exchange_report *report);
void environment_share_note_clock(struct environment_share *share, uint64_t store_wall_usec);

/* So was the talk. */
void environment_share_note_store(struct environment_share *share, enum store_state state,
                                  const char *store);

/* Tells the store of the session in hand, or of a failure. */
void share_telling_begin(struct environment_share *share, enum share_telling telling, uint64_t key_serial,
                         uint64_t until_usec);
void share_telling_end(struct environment_share *share);
