/* The store that a fleet shares: one token, one lease, in virtual time. */
#pragma once

#include "lib/refresh.h"

#include <stdbool.h>
#include <stdint.h>

struct fleet_token {
        uint64_t serial; /* 0: there is none */
        uint64_t issued_usec, expires_usec;
};

enum store_state {
        STORE_UP,
        STORE_DOWN,   /* every connection is refused */
        STORE_SILENT, /* nothing is answered */
        STORE_LYING,  /* it replays what it has seen, and makes leases up */
};

struct fleet_store {
        enum store_state state;
        uint32_t rate; /* claims that it can serve a second */
        struct fleet_token session, before;
        uint32_t holder;     /* of the lease */
        uint64_t lease_usec; /* until then there is one */
        uint64_t cool_usec;  /* until then it is a cool-down; 0: it is none */
        uint64_t busy_usec;  /* until then it serves those who asked before */
        uint64_t n_claims, n_failed;
};

/* When a claim that is asked now has its answer; *ret_failed: that it is none. */
uint64_t store_answer_usec(struct fleet_store *store, uint64_t now_usec, bool *ret_failed);

/* The store's answer, as a keeper tells it to its machine that has the token `in_hand` and knows that
 * `reported` was refused. */
struct refresh_claim store_claim(struct fleet_store *store, uint32_t broker, uint64_t in_hand,
                                 uint64_t reported, uint32_t lifetime_sec, uint64_t random,
                                 uint64_t now_usec);

/* An exchange was granted; it failed, and its broker tries again at retry_usec; there is to be none after
 * all. */
void store_publish(struct fleet_store *store, uint32_t broker, const struct fleet_token *token);
void store_cool(struct fleet_store *store, uint32_t broker, uint64_t retry_usec, uint64_t now_usec);
void store_release(struct fleet_store *store, uint32_t broker);
