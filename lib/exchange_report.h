/* The result of one exchange, as values: the outcome, and the part that is worth keeping of an answer that
 * gave no token. */
#pragma once

#include "lib/answer_head.h"
#include "lib/answer_kind.h"
#include "lib/token_exchange.h"

#define EXCHANGE_WHY_MAX 256

struct exchange_report {
        enum exchange_outcome outcome;
        const struct grant
                *grant; /* EXCHANGE_GRANTED only; secret memory, the receiver's for the call only */
        bool unsent;    /* nothing of a request was sent: no name, no route, no trust, no memory, ... */
        uint32_t retry_after_sec; /* or RETRY_AFTER_NONE */
        bool retry_after_for_key; /* it is meant for this key alone, not for all who ask there */
        long status;              /* HTTP status; 0: there was no answer */
        enum answer_kind kind;
        char why[EXCHANGE_WHY_MAX]; /* for people, without secrets; "" when granted */

        /* Of an answer that was not granted, see struct answer_head. */
        char content_type[ANSWER_CONTENT_TYPE_MAX];
        char header_names[ANSWER_HEADER_NAMES_MAX];
        char redirect_host[ANSWER_HOST_MAX];
        struct answer_excerpt excerpt;
        bool date_known;         /* the answer has a Date */
        int64_t clock_ahead_sec; /* the wall clock here is ahead of it by so much */
};
