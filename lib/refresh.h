/* When to exchange an access key for a session token: the state machine of one environment.
 *
 * It is told what happened and when (and given random bits where it needs them); it answers what to do and
 * when to look again. It knows no clock, no socket and no secret: a token is only its times, a key only its
 * serial. Times are microseconds of one clock that never steps and does not stop in suspend
 * (CLOCK_BOOTTIME).
 *
 * Words:
 *   need   an exchange without which there would be no token: the refresh point of the token in hand is
 *          reached, or something failed and is tried again
 *
 *   wish   an exchange for a caller (a report, a demand) or an operator
 *
 *   trial  an exchange so that a key is known
 *
 *   round  each key is asked once, as fast as the floor allows: to find out whose fault a failure is
 *
 *   limit  what may put an exchange off although its time has come: floor, budget, Retry-After
 *
 *   step   what to do now: start an exchange with this key or nothing; and when to call refresh_on_timer()
 *
 *   claim  a look into the store that brokers with the same key share, before an exchange: has one of them a
 *          token already, or is one about to get it? (lib/refresh_store.h)
 *
 * Promises, each held by random histories in the tests (tests/scenario/model.h lists them all): one exchange
 * at a time; floor, budget and shares; as long as there is a key, an exchange is under way or its time is
 * set; a failure never takes a living token away; attempts are at most 115 s apart while one is needed,
 * unless Retry-After or the budget forbids it, or all keys have been answered nothing but 401 for an hour
 * (then 15 min); and one lies in the last tenth of a token's life of 10 min and more. */
#pragma once

#include "lib/refresh_limits.h"
#include "lib/refresh_state.h"

/* The outcome of a wish. */
enum refresh_verdict {
        REFRESH_SATISFIED,    /* the token in hand will do */
        REFRESH_UNDER_WAY,    /* an exchange is under way or set: wait for its outcome */
        REFRESH_UNATTAINABLE, /* no fresh token would live that long; see refresh.attainable_sec */
        REFRESH_NOT_CURRENT,  /* the token reported is not the one in hand (any more) */
        REFRESH_ALREADY,      /* this token was reported before */
        REFRESH_TOO_SOON,     /* ret_limit says why, and until when */
        REFRESH_NO_KEY,
        _REFRESH_VERDICT_COUNT,
};

/* The obstacle, and until when. */
struct refresh_obstacle {
        enum refresh_limit limit;
        uint64_t until_usec;
};

/* The keys are these now (at start, and whenever key files changed): at most KEYS_PER_ENVIRONMENT_MAX, in
 * name order. One that is new or written again is tried once, soon. */
struct refresh_step refresh_on_keys(struct refresh *refresh, const struct key_name *names, size_t n,
                                    uint64_t now_usec);

/* From now on another lifetime is asked for: that of the latest token is no longer the most there is. */
void refresh_on_lifetime(struct refresh *refresh);

/* The time of the last step's wake_usec has come (or any other time: it does no harm). */
struct refresh_step refresh_on_timer(struct refresh *refresh, uint64_t now_usec);

/* The exchange under way ended. For EXCHANGE_GRANTED: lifetime_sec as granted and the serial of the new
 * session; the life counts from when the step was given. Else retry_after_sec or RETRY_AFTER_NONE. */
struct refresh_outcome {
        enum exchange_outcome outcome;
        uint32_t lifetime_sec;
        uint64_t token_serial;
        uint32_t retry_after_sec;
        bool retry_after_for_key; /* it is about this key, not about the base URL */
        bool unsent;              /* nothing was sent upstream */
        bool new_account;         /* granted for another account than the token in hand, which is to go */
};
struct refresh_step refresh_on_outcome(struct refresh *refresh, const struct refresh_outcome *outcome,
                                       uint64_t now_usec, uint32_t random);

/* The claim of the last step has its answer. FOUND: step.adopted says whether the token is taken. When no
 * claim is under way (any more), the answer comes too late, and changes nothing. */
struct refresh_step refresh_on_claim(struct refresh *refresh, const struct refresh_claim *claim,
                                     uint64_t now_usec, uint32_t random);

/* The exchange of the last step must not be made: the same access key, or the same base URL, has been used
 * elsewhere. Nothing was sent. Before until_usec this key is not used (key), or none is (!key). */
struct refresh_step refresh_on_held(struct refresh *refresh, bool key, uint64_t until_usec,
                                    uint64_t now_usec);

/* A caller needs a token with min_ttl_sec left (0: any living one). ret_obstacle is set for
 * REFRESH_TOO_SOON. */
enum refresh_verdict refresh_on_demand(struct refresh *refresh, uint32_t min_ttl_sec, uint64_t now_usec,
                                       struct refresh_step *ret_step, struct refresh_obstacle *ret_obstacle);

/* A caller reports that the upstream refused the token of this serial (0: one that nobody knows). At most
 * one early refresh per token, one per REFRESH_REPORT_GAP_USEC, and within its share of 4 an hour; while
 * an exchange is under way that is no trial, its outcome is the answer, and it costs no share.
 * ret_obstacle as above. */
enum refresh_verdict refresh_on_report(struct refresh *refresh, uint64_t token_serial, uint64_t now_usec,
                                       struct refresh_step *ret_step, struct refresh_obstacle *ret_obstacle);

/* An operator wants a new token now, and every refused key tried: no wait after a failure holds it back (the
 * failures still count); floor, budget and Retry-After stand. new_account: keys of another account are
 * untried again. ret_obstacle as above. */
enum refresh_verdict refresh_on_operator(struct refresh *refresh, bool new_account, uint64_t now_usec,
                                         struct refresh_step *ret_step,
                                         struct refresh_obstacle *ret_obstacle);

/* Before refresh_on_held(), where no key at all is free for the wish whose exchange that was: it is wanted
 * no more, and a report may be made again. */
void refresh_withdraw(struct refresh *refresh);
