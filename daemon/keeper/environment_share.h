/* Sharing an environment's tokens with other hosts that hold its access key: those that they obtained are
 * taken over, its own are put into the store, and a host that is about to get one says so there. The
 * decisions are the refresh machine's; here is its news, and the judgement whether a token that was found is
 * one at all.
 *
 * All of these may be called where nothing is shared. */
#pragma once

#include "daemon/keeper/environment_object.h"

struct environment_share_user {
        /* A claim has its answer: for environment_outcome_take_claim(), which takes found over. Returns
         * whether a token was adopted and no exchange follows: the lease is of no more use then. */
        bool (*on_claimed)(struct environment *environment, const struct refresh_claim *claim,
                           struct session *found, uint64_t key_serial);
        void (*on_change)(struct environment *environment); /* the view may have changed */
};

/* Settings or keys are others: is anything shared (still)? Before the machine hears of the keys. user is
 * static. */
void environment_share_look(struct environment *environment, const struct environment_share_user *user);

/* Carries out step.claim: asks for the session of this key. */
void environment_share_claim(struct environment *environment, uint64_t key_serial);

/* The claim under way is void. */
void environment_share_cancel(struct environment *environment);

/* All talks end, as the share is about to be configured anew. */
void environment_share_halt(struct environment *environment);

/* Another upstream, or another account: all that was known of the store's side counts no more. */
void environment_share_forget(struct environment *environment);

/* An exchange ended with this report: the machine, and the session in hand, know it already. adopted: its
 * token is in hand. */
void environment_share_exchanged(struct environment *environment, const struct exchange_report *report,
                                 uint64_t key_serial, bool adopted, uint64_t now_usec);

/* A caller's report of this token, which is in hand, was accepted: it is never taken over from now on.
 * found: it was. */
void environment_share_reported(struct environment *environment, bool found, const char *ust, size_t length);

/* NULL is fine; returns NULL. */
struct environment_share *environment_share_free(struct environment_share *share);
