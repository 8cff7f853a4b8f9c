/* The view of what an environment shares with other hosts: values only, and no secret. */
#pragma once

#include "lib/refresh_state.h"
#include "lib/store_address.h"
#include "lib/store_state.h"

#include <stdbool.h>
#include <stdint.h>

enum share_lease {
        SHARE_LEASE_NONE,   /* as far as is known */
        SHARE_LEASE_OURS,   /* the others wait for our exchange */
        SHARE_LEASE_OTHERS, /* the other way round */
        _SHARE_LEASE_COUNT,
};

enum share_mode {
        SHARE_OFF, /* no store is set */
        SHARE_ON,
        SHARE_SHORT_KEY, /* the secrets of all its keys are too short to be shared */
        SHARE_UNREAD,    /* the files that [share] names cannot be read */
        _SHARE_MODE_COUNT,
};

/* All zero: nothing is shared. */
struct share_view {
        enum share_mode mode;
        bool asked;                        /* a store was, so state and store are known */
        enum store_state state;            /* of the latest talk */
        char store[STORE_ADDRESS_MAX + 1]; /* with it; "": none yet */
        enum share_lease lease;            /* as the store said last */
        bool skew_known;
        int64_t skew_sec;     /* the wall clock here, against the upstream's or the store's: the one that is
                               * further off
                               */
        uint64_t n_adopted;   /* tokens taken over */
        uint64_t n_published; /* tokens put there */
        uint64_t n_rejected;  /* of those taken over, reported as refused */
        uint64_t n_unusable; /* tokens found there that could not be taken over: of another account, reported
                                here before, expired, or from a clock that is off */
        uint64_t n_claims[_REFRESH_CLAIM_COUNT];
};

/* Beyond this, in seconds, nothing is taken over and nothing put there. */
#define SHARE_SKEW_MAX_SEC 30

/* "none", "ours", "others". */
const char *share_lease_name(enum share_lease lease);

/* "found", "leased", "held", "cool", "failed". */
const char *share_claim_name(enum refresh_claim_kind kind);

/* "off", "short_key", "unread", "unasked", or the name of the store's state. */
const char *share_view_state(const struct share_view *view);
