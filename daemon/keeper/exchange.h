/* One HTTPS request that exchanges an access key for a session token. Behind the upstream door: nothing of
 * the HTTP side includes this. */
#pragma once

#include "daemon/keeper/curl_loop.h"
#include "lib/access_key.h"
#include "lib/token_exchange.h"

#include <stdint.h>

/* Where and what to ask. Borrowed for the call of exchange_start() only. */
struct exchange_target {
        const char *base_url;
        const char *ca_file; /* NULL: the system's */
        uint32_t lifetime_sec;
        uint64_t connect_timeout_usec;
        uint64_t whole_timeout_usec;
};

#define EXCHANGE_WHY_MAX 256

/* What came of it. */
struct exchange_report {
        enum exchange_outcome outcome;
        const struct grant
                *grant; /* EXCHANGE_GRANTED only; secret memory, the receiver's for the call only */
        uint32_t retry_after_sec;                   /* or RETRY_AFTER_NONE */
        long status;                                /* HTTP status; 0: there was no answer */
        char why[EXCHANGE_WHY_MAX];                 /* for people, without secrets; "" when granted */
        char content_type[64];                      /* of an answer that was not granted; printable */
        char header_names[ANSWER_HEADER_NAMES_MAX]; /* "date, server, …" */
        struct answer_excerpt excerpt;
};

struct exchange;

typedef void (*exchange_done_fn)(const struct exchange_report *report, void *userdata);

/* Sends the request; done is called once, never from within, unless exchange_free() comes first. The key is
 * copied where needed. -ENOMEM. */
int exchange_start(struct exchange **ret, struct curl_loop *loop, const struct exchange_target *target,
                   const struct access_key *key, exchange_done_fn done, void *userdata);

/* Letting go cancels. May be called from within the done function. NULL is fine; returns NULL. */
struct exchange *exchange_free(struct exchange *exchange);
