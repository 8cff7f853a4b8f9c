/* The state of a refresh machine: all that it knows, the steps that it answers with, and questions about the
 * token in hand. Its events are in lib/refresh.h. */
#pragma once

#include "lib/keyring.h"
#include "lib/refresh_budget.h"
#include "lib/token_exchange.h"

#include <stdbool.h>
#include <stdint.h>

#define REFRESH_REPORT_GAP_USEC UINT64_C(10000000)
#define RETRY_AFTER_MAX_SEC     3600
/* A Retry-After may be a date, the same for a whole fleet: not all of it is to come back at once. */
#define RETRY_AFTER_SPREAD_USEC UINT64_C(100000000)
/* At a start spares are not tried at once: a start is one exchange. */
#define REFRESH_SPARES_WAIT_USEC UINT64_C(30000000)
/* While a token is needed, attempts are at most so far apart: 5 s are left for the answer that is to be
 * there two minutes after an outage. */
#define REFRESH_ATTEMPT_USEC UINT64_C(115000000)
/* Without a key file for so long, an environment is off. */
#define REFRESH_OFF_USEC UINT64_C(10000000)
/* For lives from here on, one attempt lies in the last tenth. */
#define REFRESH_LAST_CHANCE_LIFE_USEC UINT64_C(600000000)
/* So long the store's answer is awaited; then the exchange is made without it. */
#define REFRESH_CLAIM_USEC UINT64_C(5000000)
/* A store that failed is left alone for so long. */
#define REFRESH_STORE_REST_USEC UINT64_C(10000000)
/* Longer than that nobody's cool-down is heeded. */
#define REFRESH_COOL_MAX_USEC UINT64_C(100000000)
/* Adopted tokens of which so many in a row were reported end the adopting, for a lifetime. */
#define REFRESH_REJECTED_MAX 2

enum refresh_reason {
        REFRESH_FIRST,    /* there is no token yet */
        REFRESH_DUE,      /* the refresh point is reached */
        REFRESH_RETRY,    /* after a failure */
        REFRESH_COMPARED, /* another key failed, this one is asked as well */
        REFRESH_TRIAL,    /* a key is to be known */
        REFRESH_REPORTED, /* a caller says that the upstream refused the token */
        REFRESH_DEMANDED, /* a caller needs more life than is left */
        REFRESH_OPERATOR, /* an operator asked */
        _REFRESH_REASON_COUNT,
};

enum refresh_limit {
        REFRESH_UNLIMITED,
        REFRESH_LIMIT_FLOOR,
        REFRESH_LIMIT_BUDGET, /* the share of need in an hour */
        REFRESH_LIMIT_SHARE,  /* the share of this kind of wish in an hour */
        REFRESH_LIMIT_RETRY_AFTER,
        REFRESH_LIMIT_KEYS,      /* the upstream asked for patience with each key, or there is none */
        REFRESH_LIMIT_RETRY,     /* of a report: an attempt is set already */
        REFRESH_LIMIT_GAP,       /* of a report: so soon after the one before */
        REFRESH_LIMIT_ELSEWHERE, /* others sent with the same key: see lib/exchange_ledger */
        REFRESH_LIMIT_STORE,     /* others are about to, or have tried just now, and share what they get */
        _REFRESH_LIMIT_COUNT,
};

/* The result of an event. */
struct refresh_step {
        bool cancel; /* the exchange or claim under way is void, as its key is gone, or as a trial that hangs
                        is in the way of need, or as the store is silent: end it, and tell no outcome */
        bool exchange; /* start one now, with the key `key_serial` */
        bool claim;    /* ask the store now for the session of the key `key_serial`; its answer goes to
                          refresh_on_claim(). Never together with exchange */
        uint64_t key_serial;
        enum refresh_reason reason; /* of that exchange, or of the one that is wanted */
        bool adopted;               /* granted, or found: this is the token to hand out from now on */
        bool spared;  /* granted, but the token in hand lives longer: it is kept, and the key is known to be
                         good */
        bool expired; /* the token in hand has come to its end: let it go */
        bool off;     /* there has been no key file for a while: let the token go, and forget its account */
        enum refresh_limit limit; /* the next exchange is put off by this, beyond the time it is due */
        uint64_t wake_usec;       /* call refresh_on_timer() then; USEC_NEVER: only another event matters */
};

/* The machine's memory of the store that others share. All zero: there is none. */
struct refresh_store {
        bool used;
        uint64_t claimed_usec;  /* when it was asked last; 0: never */
        uint64_t go_serial;     /* while a step is made: the key whose exchange it does not stand against */
        uint64_t wait_usec;     /* it stands against the next exchange, and is asked again then */
        bool failed;            /* the latest time */
        uint64_t rest_usec;     /* ... it is not asked until then */
        unsigned n_leased;      /* such answers in a row */
        unsigned n_waits;       /* answers that put an exchange off, since the latest exchange or adoption */
        uint64_t patience_usec; /* of one without a good token: from then on it puts nothing off; 0: that is
                                   not drawn yet */
        uint64_t attempt_usec;  /* when the latest exchange but for trials began; 0: never */
        uint64_t calm_usec;     /* until then a failed attempt is not pressing; 0: it is */
        uint64_t own_usec;      /* the same, while the token in hand is good */
        bool found;             /* the token in hand was found there */
        bool late;              /* late in its life, and no exchange for it has been sent since */
        unsigned n_rejected;    /* so many such tokens in a row were reported */
        uint64_t distrust_usec; /* until then it is not asked, because of them */
        uint32_t lifetime_sec;  /* of the latest grant, or of the token found */
        uint32_t min_ttl_sec;   /* of the demand that is a wish now */
};

struct refresh {
        struct keyring keyring;
        struct refresh_budget budget;
        bool started;        /* keys have been there */
        bool files_unusable; /* to be set before refresh_on_keys(): no key does not mean no file, they cannot
                                be read */
        bool off;            /* there is no key file, and was none for a while */
        uint64_t keyless_usec; /* since when there is no key file; 0: there is one, or it is off */

        /* the token in hand */
        bool has_token;
        uint64_t token_serial;
        uint64_t expires_usec;
        uint64_t refresh_point_usec;
        uint64_t
                last_chance_usec; /* one attempt is to be made after it; USEC_NEVER: the life is too short */
        uint32_t attainable_sec;  /* life left in the latest token when it arrived: the most that can be had;
                                     0: unknown */

        /* the exchange or the claim under way */
        bool in_flight;
        bool claiming; /* never both; then key, reason and share are the claim's */
        uint64_t in_flight_key;
        uint64_t sent_usec;
        enum refresh_reason in_flight_reason;
        enum refresh_share in_flight_share;

        /* the next ones */
        uint64_t due_usec; /* need */
        enum refresh_reason due_reason;
        uint64_t wish_usec; /* of a caller or an operator; USEC_NEVER: none */
        enum refresh_reason wish_reason;
        bool wish_new_account;          /* a key that is not known yet is to decide whose tokens they are */
        bool round;                     /* one is under way */
        enum refresh_share round_share; /* that of the failure which began it */

        /* the trouble */
        unsigned n_failures;         /* in a row, but for trials */
        unsigned n_before;           /* attempts in vain of the machine before: the waits go on from there */
        bool rounded;                /* a failure of need led to a round in it */
        bool trial_rounded;          /* and one for a trial's */
        uint64_t unauthorized_usec;  /* since when it is 401 alone, and no key joined; 0: it is not */
        uint64_t needed_usec;        /* when need was last served */
        uint64_t needed_before_usec; /* the same, but for the exchange under way */
        uint64_t retry_after_usec;   /* the upstream's wish: not before */

        uint64_t reported_serial; /* the token that was reported last */
        uint64_t reported_usec;

        struct refresh_store store;
};

enum refresh_claim_kind {
        REFRESH_CLAIM_FOUND,  /* there is a token, and it is neither the one in hand nor one reported here */
        REFRESH_CLAIM_LEASED, /* another one is about to exchange */
        REFRESH_CLAIM_HELD,   /* that is to be done here */
        REFRESH_CLAIM_COOL,   /* another one has tried in vain, and tries again in left_usec */
        REFRESH_CLAIM_FAILED, /* the store does not say */
        _REFRESH_CLAIM_COUNT,
};

/* The store's answer. None of it is believed beyond what follows from the machine's own promises. */
struct refresh_claim {
        enum refresh_claim_kind kind;
        enum refresh_claim_kind
                otherwise;     /* of FOUND, if the token is of no use: LEASED, HELD or COOL; FOUND is HELD */
        uint64_t issued_usec;  /* of FOUND; 1: before the clock began */
        uint64_t expires_usec; /* at most issued_usec + lifetime_sec */
        uint64_t token_serial; /* a new one, as for a grant */
        uint32_t lifetime_sec; /* as granted */
        bool new_account;      /* see refresh_outcome */
        uint64_t left_usec;    /* of LEASED and COOL */
};

/* Makes a machine without keys and without a token. */
void refresh_init(struct refresh *refresh);

/* From now on there is a store, or none: exchanges for need, reports, demands and trials are claimed first,
 * and the refresh point of a token that was found lies between 30 and 40 % of its life. An operator's wish
 * does not ask it. Without a call there is none. */
void refresh_use_store(struct refresh *refresh, bool use);

/* Is there a token that may be handed out? */
bool refresh_token_lives(const struct refresh *refresh, uint64_t now_usec);

/* The token in hand is good: it lives, and nobody has reported it. */
bool refresh_token_good(const struct refresh *refresh, uint64_t now_usec);

/* When the last tenth of a life begins; USEC_NEVER for one that is too short to promise anything. */
uint64_t refresh_last_chance_usec(uint64_t expires_usec, uint64_t life_usec);
