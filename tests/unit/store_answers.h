/* Answers of stores, for tests: a claim's answer from its parts, and how it is fed. */
#pragma once

#include "lib/store_reply.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#define LEASE_ID    "0123456789abcdef"
#define OTHERS_ID   "fedcba9876543210"
#define OK          "+OK\r\n"
#define QUEUED      "+QUEUED\r\n"
#define NIL         "$-1\r\n"
#define BEGIN_CLAIM OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*6\r\n"
#define TIME_SAYS   "*2\r\n$10\r\n1796000000\r\n$6\r\n123456\r\n"
#define OURS        "$16\r\n" LEASE_ID "\r\n"
#define OTHERS      "$16\r\n" OTHERS_ID "\r\n"
#define LEASED      BEGIN_CLAIM TIME_SAYS ":-2\r\n" NIL OK ":25000\r\n" OURS
#define FOUND       BEGIN_CLAIM TIME_SAYS ":7200000\r\n$5\r\nvalue\r\n" NIL ":19000\r\n" OTHERS

static const struct store_place place = { "eqp1:{0af}", "eqp1:{0af}:l", LEASE_ID };
static inline struct store_reply *expect_claim(const struct store_login *as)
{
        _cleanup_(store_request_freep) struct store_request *request = NULL;
        struct store_reply *reply = NULL;

        assert_int_equal(store_request_claim(&request, as, &place), 0);
        assert_int_equal(store_reply_new(&reply, request), 0);
        return reply;
}

/* Feeds it in pieces; they come from a block of their own size, so that nobody reads beyond. */
static inline int feed(struct store_reply *reply, const char *text, size_t size, size_t piece,
                       enum store_state *ret_state)
{
        int r = 0;

        for (size_t at = 0; r == 0 && at < size; at += piece) {
                size_t n = MIN_OF(piece, size - at);
                _cleanup_free_ char *block = malloc(n);

                assert_non_null(block);
                memcpy(block, text + at, n);
                r = store_reply_feed(reply, block, n, ret_state);
        }
        return r;
}

#define FEED(reply, text, state) feed((reply), (text), sizeof(text) - 1, SIZE_MAX / 2, (state))
