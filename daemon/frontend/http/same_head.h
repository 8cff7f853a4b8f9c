/* The head of the latest request for a token on a connection. A client that asks again and again says the
 * same, byte for byte: the findings about its head then hold still, and are not made anew.
 *
 * libmicrohttpd reads each head of a connection to the same place, so the texts that the facts point to are
 * the same as well. Heads with a secret in them are not kept. */
#pragma once

#include "daemon/frontend/http/guard.h"
#include "daemon/frontend/http/head_bytes.h"
#include "lib/route.h"

#define SAME_HEAD_MAX 384 /* bytes; longer heads are judged each time */

/* Zeroed for each connection. */
struct same_head {
        const char *at; /* where in libmicrohttpd's memory */
        size_t length;  /* bytes; 0: none is kept */
        unsigned n_headers;
        struct guard_facts facts;
        struct route_match match;
        char bytes[SAME_HEAD_MAX];
};

/* Keeps a head that was found sound and fit for its route, if it is one to be kept: short, without
 * Authorization and without a body. */
void same_head_keep(struct same_head *same, const struct head_bytes *head, const struct guard_facts *facts,
                    const struct route_match *match);

/* Is the head at this place the one that is kept? n_headers: how many libmicrohttpd has found in it. */
bool same_head_is(const struct same_head *same, const char *at, int n_headers);
