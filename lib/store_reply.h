/* A store's answer to a request, read as it comes. Its bytes are another's and may be anything: no length
 * and no count of theirs takes memory or time before they are there themselves. */
#pragma once

#include "lib/share_form.h"
#include "lib/store_request.h"
#include "lib/store_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_REPLY_MAX 65536 /* bytes of an answer, whatever it is */

#define STORE_LEFT_NO_END INT64_C(-1)
#define STORE_LEFT_NONE   INT64_C(-2)

struct store_reply;

/* As much of it as was asked for; the rest is 0, NULL, and STORE_LEFT_NONE. */
struct store_claim {
        uint64_t store_wall_usec;  /* the store's clock */
        int64_t session_left_msec; /* at most LIFETIME_MAX_SEC, counted from when it was sent; or one of the
                                      above */
        const void *session;       /* the value, as it is; NULL: none */
        size_t n_session;
        bool lease_ours; /* it is the ID of the request that stands there */
        int64_t lease_left_msec;
        const void *lease; /* an ID, or a sealed cool-down; NULL: none */
        size_t n_lease;
};

/* Expects the answer to this request, which need not last longer than the call. -ENOMEM. */
int store_reply_new(struct store_reply **ret, const struct store_request *request);

/* Takes what has come, in pieces of any size. 1: that is all, *ret_state says how it is, and nothing more is
 * read: the connection may be closed. 0: there is more to come; -ENOMEM. An error is the end of an answer:
 * the first of several counts. */
int store_reply_feed(struct store_reply *reply, const void *bytes, size_t size, enum store_state *ret_state);

/* After STORE_FINE; lasts as long as the reply. */
const struct store_claim *store_reply_claim(const struct store_reply *reply);

/* The first word of the error, if it is a known one ("READONLY"), else "". Nothing else that a store says is
 * fit to be shown. */
const char *store_reply_word(const struct store_reply *reply);

/* NULL is fine. Returns NULL. */
struct store_reply *store_reply_free(struct store_reply *reply);
void store_reply_freep(struct store_reply **reply);
