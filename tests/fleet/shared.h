/* A fleet that shares a store: its story, and what is seen of it. */
#pragma once

#include "lib/util.h"
#include "tests/fleet/queue.h"
#include "tests/fleet/store.h"

#include <stdio.h>

#define HOURS         8
#define BIN_SEC       10
#define N_BINS        (HOURS * 3600 / BIN_SEC)
#define N_SECONDS     (HOURS * 3600)
#define EVENT         (4 * USEC_PER_HOUR)
#define LIFETIME_SEC  7200
#define ANSWER_USEC   (200 * USEC_PER_MSEC)
#define TIME_OUT_USEC (20 * USEC_PER_SEC)
#define REPORTS_USEC  (5 * USEC_PER_SEC)
#define ANY           UINT32_MAX

struct story {
        const char *name;
        uint64_t outage_usec; /* from the event on, the upstream is down for so long */
        bool silent;          /* and does not answer */
        bool start;           /* nobody was there before the event, */
        uint32_t but;         /* but one in so many */
        uint32_t left_behind; /* the store has a token with so many per cent of its life over */
        bool rejected;
        enum store_state store;   /* from the event on, */
        uint64_t store_usec;      /* for so long */
        bool rolls_back;          /* and is then as it was before */
        uint32_t served;          /* of the fleet a second; 0: all, and more */
        uint32_t goal_sent;       /* at most so many exchanges in the first hour from the event on; ANY */
        uint32_t goal_busiest;    /* not more than one in so many in a second; 0: no goal */
        uint64_t goal_first_usec; /* each that starts with the event has a token so soon; 0: no goal */
        bool goal_without;        /* nobody is without a token at any time */
};

struct broker {
        struct refresh machine;
        bool started, exchanging, claiming, failed;
        struct refresh_outcome outcome; /* of the exchange in flight */
        struct fleet_token token;       /* of it, or in hand */
        uint64_t answer_usec, claim_usec, wake_usec, report_usec;
        uint64_t lost_usec; /* since when it has no token; USEC_NEVER: it has one */
        bool late;          /* it starts with the event, and has had no token yet */
};

struct fleet {
        const struct story *story;
        bool shared;
        uint32_t n, rate;
        uint64_t now_usec, random_state, second, granted_in_second, n_tokens;
        uint64_t event_usec; /* USEC_NEVER: it has not come yet */
        uint64_t valid_from; /* older tokens are refused */
        struct broker *brokers;
        struct queue queue;
        struct fleet_store store;
        uint32_t sent[N_SECONDS], claimed[N_SECONDS];
        uint64_t slowest_usec, without_usec; /* the longest of one that starts; of one that was without */
        uint32_t n_without;                  /* brokers that lost their token */
        bool wrong;                          /* a token was in hand after its end */
};

/* The second of a moment, as an index. */
static inline size_t second_of(uint64_t usec)
{
        return MIN_OF((size_t)(usec / USEC_PER_SEC), (size_t)N_SECONDS - 1);
}

/* Plays the story, for HOURS. -ENOMEM. */
int shared_play(struct fleet *fleet);
