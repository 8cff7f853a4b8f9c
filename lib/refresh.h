/* When to exchange an access key for a session token: the state machine of one environment.
 *
 * It is told what happened and when (and given random bits where it needs them); it answers what to do and
 * when to look again. It knows no clock, no socket and no secret: a token is only its times, a key only its
 * serial. Times are microseconds of one clock that never steps and does not stop in suspend
 * (CLOCK_BOOTTIME).
 *
 * Words:
 *   due    the moment when an exchange is wanted: the refresh point of the token in hand, or the next retry
 *
 *   limit  what may put an exchange off although it is due: the floor between two exchanges, the hourly
 *          budget, an upstream's Retry-After, keys that all rest
 *
 *   step   what to do now: start an exchange with this key or nothing; and when to call refresh_on_timer()
 *
 * Promises, each held by random histories in the tests: one exchange at a time; never within
 * REFRESH_FLOOR_USEC of the last; never more than REFRESH_HOURLY_BUDGET in any hour; as long as there is a
 * key, an exchange is under way or its time is set; a failure never takes a living token away. */
#pragma once

#include "lib/keyring.h"
#include "lib/token_exchange.h"

#include <stdbool.h>
#include <stdint.h>

#define REFRESH_FLOOR_USEC    UINT64_C(1000000)
#define REFRESH_HOURLY_BUDGET 60
/* What callers may cause of it in an hour (min_ttl, reports): an outage right after needs up to 44. */
#define REFRESH_CALLER_BUDGET   15
#define REFRESH_REPORT_GAP_USEC UINT64_C(10000000)
#define RETRY_AFTER_MAX_SEC     3600
/* A Retry-After may be a date, the same for a whole fleet: not all of it is to come back at once. */
#define RETRY_AFTER_SPREAD_USEC UINT64_C(100000000)

enum refresh_reason {
        REFRESH_FIRST,    /* there is no token yet */
        REFRESH_DUE,      /* the refresh point is reached */
        REFRESH_RETRY,    /* after a failure */
        REFRESH_TRIAL,    /* a changed key is to be tried */
        REFRESH_REPORTED, /* a caller says that the upstream refused the token */
        REFRESH_DEMANDED, /* a caller needs more life than is left */
        REFRESH_OPERATOR, /* an operator asked */
        _REFRESH_REASON_COUNT,
};

enum refresh_limit {
        REFRESH_UNLIMITED,
        REFRESH_LIMIT_FLOOR,
        REFRESH_LIMIT_BUDGET,
        REFRESH_LIMIT_RETRY_AFTER,
        REFRESH_LIMIT_KEYS, /* all keys rest, or there is none */
};

/* What an event leads to. */
struct refresh_step {
        bool exchange; /* start one now, with the key `key_serial` */
        uint64_t key_serial;
        enum refresh_reason reason; /* of that exchange, or of the one that is wanted */
        bool adopted;               /* granted: this is the token to hand out from now on */
        bool expired;               /* the token in hand has come to its end: let it go */
        enum refresh_limit limit;   /* the next exchange is put off by this, beyond the time it is due */
        uint64_t wake_usec; /* call refresh_on_timer() then; USEC_NEVER: only another event matters */
};

/* What became of a caller's wish. */
enum refresh_verdict {
        REFRESH_SATISFIED,    /* the token in hand will do */
        REFRESH_UNDER_WAY,    /* an exchange is under way or set: wait for its outcome */
        REFRESH_UNATTAINABLE, /* no fresh token would live that long; see refresh.attainable_sec */
        REFRESH_NOT_CURRENT,  /* the token reported is not the one in hand (any more) */
        REFRESH_ALREADY,      /* this token was reported before */
        REFRESH_TOO_SOON,     /* see refresh_limited_until() */
        REFRESH_NO_KEY,
};

struct refresh {
        struct keyring keyring;

        /* the token in hand */
        bool has_token;
        uint64_t token_serial;
        uint64_t expires_usec;
        uint64_t refresh_point_usec;
        uint32_t attainable_sec; /* life left in the latest token when it arrived: the most that can be had;
                                    0: unknown */

        /* the exchange under way */
        bool in_flight;
        uint64_t in_flight_key;
        uint64_t sent_usec;
        enum refresh_reason in_flight_reason;

        /* the next one */
        uint64_t due_usec;
        enum refresh_reason due_reason;
        uint64_t retry_after_usec; /* the upstream's wish: not before */
        unsigned n_failures;       /* in a row, of any kind but a refused key */
        unsigned n_slow_failures;  /* in a row, our fault or malformed */

        uint64_t sent_ring[REFRESH_HOURLY_BUDGET]; /* when the latest exchanges were sent, the oldest at
                                                      sent_ring[n_sent % size] */
        uint64_t n_sent;

        /* likewise, of those that callers caused */
        uint64_t caused_ring[REFRESH_CALLER_BUDGET];
        uint64_t n_caused;

        uint64_t reported_serial; /* the token that was reported last */
        uint64_t reported_usec;
};

/* Makes a machine without keys and without a token. */
void refresh_init(struct refresh *refresh);

/* The keys are these now (at start, and whenever key files changed): at most KEYS_PER_ENVIRONMENT_MAX, in
 * name order. A new key is tried at once if there is no living token, or if it replaces a proven one. */
struct refresh_step refresh_on_keys(struct refresh *refresh, const struct key_name *names, size_t n,
                                    uint64_t now_usec);

/* From now on another lifetime is asked for: what the latest token had is no longer the most there is. */
void refresh_on_lifetime(struct refresh *refresh);

/* The time of the last step's wake_usec has come (or any other time: it does no harm). */
struct refresh_step refresh_on_timer(struct refresh *refresh, uint64_t now_usec);

/* The exchange under way ended. For EXCHANGE_GRANTED: lifetime_sec as granted and the serial of the new
 * session; the life counts from when the step was given. For EXCHANGE_THROTTLED: retry_after_sec or
 * RETRY_AFTER_NONE. */
struct refresh_outcome {
        enum exchange_outcome outcome;
        uint32_t lifetime_sec;
        uint64_t token_serial;
        uint32_t retry_after_sec;
};
struct refresh_step refresh_on_outcome(struct refresh *refresh, const struct refresh_outcome *outcome,
                                       uint64_t now_usec, uint32_t random);

/* A caller needs a token with min_ttl_sec left (0: any living one). */
enum refresh_verdict refresh_on_demand(struct refresh *refresh, uint32_t min_ttl_sec, uint64_t now_usec,
                                       struct refresh_step *ret_step);

/* A caller reports that the upstream refused the token of this serial (0: one that nobody knows). At most
 * one early refresh per token, and per REFRESH_REPORT_GAP_USEC. */
enum refresh_verdict refresh_on_report(struct refresh *refresh, uint64_t token_serial, uint64_t now_usec,
                                       struct refresh_step *ret_step);

/* An operator wants a new token now: ends every rest and every backoff; floor, budget and Retry-After stand.
 */
enum refresh_verdict refresh_on_operator(struct refresh *refresh, uint64_t now_usec,
                                         struct refresh_step *ret_step);

/* The first moment when floor, budget and Retry-After all allow an exchange; may lie in the past. *ret_limit
 * (may be NULL) is what holds longest. */
uint64_t refresh_limited_until(const struct refresh *refresh, enum refresh_limit *ret_limit);

/* When the next exchange is going to start, as things stand: USEC_NEVER if there is no key. While one is
 * under way: when it was sent. */
uint64_t refresh_next_usec(const struct refresh *refresh);

/* How many exchanges were sent in the hour up to now. */
unsigned refresh_sent_last_hour(const struct refresh *refresh, uint64_t now_usec);
