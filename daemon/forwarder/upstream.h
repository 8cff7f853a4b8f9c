/* An environment's upstream, as the keeper told of it: made once, then only counted. */
#pragma once

#include "daemon/base/ring.h"
#include "daemon/forwarder/carrier_types.h"

#include <curl/curl.h>

struct upstream {
        struct ring place; /* among those in force; in none: requests under way still use it */
        unsigned n_references;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];
        const char *path; /* the end of that; "" or "/..." */
        uint64_t answer_timeout_usec;
        bool awaited;         /* nothing is known of it yet: requests wait for that */
        bool reached;         /* once: libcurl has kept its addresses */
        bool overtaken;       /* others vouch for it by now: no new connection is made by this one */
        const char *obstacle; /* it cannot be reached: why, in words; NULL: there is none */
        struct upstream_way *way;
};

/* authorities: those that upstreams know; see authorities_get(). -EINVAL: values that make no sense.
 * -ENOMEM.
 */
int upstream_new(struct upstream **ret, const struct carrier_upstream *told, struct ring *authorities);

/* One that is awaited, for a request. -ENOMEM. */
int upstream_new_awaited(struct upstream **ret, const char *environment, const char *base_url);

struct upstream *upstream_ref(struct upstream *upstream);

/* NULL is fine; returns NULL. */
struct upstream *upstream_unref(struct upstream *upstream);

/* Do the same authorities vouch for both? False also where that is not known. */
bool upstream_trusts_alike(const struct upstream *a, const struct upstream *b);

/* All that a transfer to it has in common with every other: where to, by which addresses, whom to trust, for
 * how long. They are borrowed until the transfer is over. False: no memory. */
bool upstream_set_up(const struct upstream *upstream, CURL *easy);
