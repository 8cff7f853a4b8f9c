/* What came of one exchange, as values: the outcome, and what is worth keeping of an answer that gave no
 * token. */
#pragma once

#include "lib/token_exchange.h"

#define EXCHANGE_WHY_MAX          256
#define EXCHANGE_CONTENT_TYPE_MAX 64

struct exchange_report {
        enum exchange_outcome outcome;
        const struct grant
                *grant; /* EXCHANGE_GRANTED only; secret memory, the receiver's for the call only */
        uint32_t retry_after_sec;                     /* or RETRY_AFTER_NONE */
        long status;                                  /* HTTP status; 0: there was no answer */
        char why[EXCHANGE_WHY_MAX];                   /* for people, without secrets; "" when granted */
        char content_type[EXCHANGE_CONTENT_TYPE_MAX]; /* of an answer that was not granted; printable */
        char header_names[ANSWER_HEADER_NAMES_MAX];   /* "date, server, ..." */
        struct answer_excerpt excerpt;
};
