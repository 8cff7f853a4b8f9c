/* How many exchanges an environment may send, and what for: the floor between two of them, and an hourly
 * budget of which need and each kind of wish have a share of their own, so that none can use up what another
 * one needs. No path can go round it, over restarts as well: the exchanges sent are all there is to know. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFRESH_FLOOR_USEC UINT64_C(1000000)

/* In any hour. An outage takes up to 44; wishes have 4 of each kind. */
#define REFRESH_HOURLY_BUDGET 60
#define REFRESH_NEED_SHARE    44
#define REFRESH_WISH_SHARE    4

/* The purpose of an exchange. */
enum refresh_share {
        REFRESH_SHARE_NEED,     /* there would be no token without it */
        REFRESH_SHARE_TRIAL,    /* a key is to be known */
        REFRESH_SHARE_REPORT,   /* a caller says that the upstream refused the token */
        REFRESH_SHARE_DEMAND,   /* a caller needs more life than is left */
        REFRESH_SHARE_OPERATOR, /* an operator asked */
        _REFRESH_SHARE_COUNT,
};

struct refresh_sent {
        uint64_t usec;
        enum refresh_share share;
};

struct refresh_budget {
        struct refresh_sent ring[REFRESH_HOURLY_BUDGET]; /* the latest, the oldest at ring[n % size] */
        uint64_t n;
        uint64_t latest_usec; /* when the latest exchange began, also one that sent nothing; 0: none did */
};

/* An exchange begins. */
void refresh_budget_take(struct refresh_budget *budget, enum refresh_share share, uint64_t now_usec);

/* The latest one sent nothing: it costs nothing, but the floor stands. */
void refresh_budget_give_back(struct refresh_budget *budget);

/* The first moment when the floor allows another one; may lie in the past. */
uint64_t refresh_budget_floor_usec(const struct refresh_budget *budget);

/* The first moment when the budget allows one for this; may lie in the past. */
uint64_t refresh_budget_free_usec(const struct refresh_budget *budget, enum refresh_share share);

/* How far apart the next ones for this have to be (a duration) for what is left of its share to last until
 * the oldest one of this hour is over an hour old. 0: none was sent in it, or nothing is left. */
uint64_t refresh_budget_pace_usec(const struct refresh_budget *budget, enum refresh_share share,
                                  uint64_t now_usec);

/* How many were sent in the hour up to now. */
unsigned refresh_budget_used(const struct refresh_budget *budget, uint64_t now_usec);

/* Takes over what an earlier process sent, the oldest first, into an empty budget. Of more than
 * REFRESH_HOURLY_BUDGET the latest count. */
void refresh_budget_restore(struct refresh_budget *budget, const struct refresh_sent *sent, size_t n);

/* The exchanges sent, the oldest first; returns how many. */
size_t refresh_budget_list(const struct refresh_budget *budget,
                           struct refresh_sent ret[static REFRESH_HOURLY_BUDGET]);

/* "need", "trial", "report", "demand", "operator". */
const char *refresh_share_name(enum refresh_share share);
