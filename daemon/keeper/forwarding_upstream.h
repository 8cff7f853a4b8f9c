/* An upstream as the keeper knows it: where requests go, what was found of it last, and what of that is news
 * to the forwarder. */
#pragma once

#include "daemon/keeper/child_process.h"
#include "daemon/keeper/upstream_lookup.h"
#include "lib/settings.h"

struct forwarding_upstream {
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char *base_url;
        char *ca_file; /* NULL: the system's */
        uint64_t connect_timeout_usec, answer_timeout_usec;
        struct upstream_found found;
        uint64_t number;     /* of the latest question */
        uint64_t asked_usec; /* CLOCK_BOOTTIME: when that was */
        bool under_way;
        bool looked_up; /* once at least, whatever came out */
        bool due;       /* to be looked up at once, or once what is under way is done */
        bool stale;     /* whatever comes out is told */
        char said[AUTHORITY_FILES_WHY_MAX],
                said_authorities[AUTHORITY_FILES_WHY_MAX]; /* in the log; "": all is well */
};

/* Nothing is known of it yet. -ENOMEM. */
int forwarding_upstream_new(struct forwarding_upstream **ret, const struct environment_settings *settings);
/* NULL is fine; returns NULL. */
struct forwarding_upstream *forwarding_upstream_free(struct forwarding_upstream *upstream);

/* Do requests of this environment go where they went before, and is it vouched for by the same? */
bool forwarding_upstream_is_same_place(const struct forwarding_upstream *upstream,
                                       const struct environment_settings *settings);

/* Takes over what was found, and logs what is wrong with it, once. Returns whether the forwarder is to be
 * told. */
bool forwarding_upstream_take(struct forwarding_upstream *upstream, struct upstream_found *found);

/* It could not be looked up at all (error: negative errno). */
void forwarding_upstream_fail(struct forwarding_upstream *upstream, int error);

/* Tells the forwarder, once it was looked up; that it is gone. */
void forwarding_upstream_tell(const struct forwarding_upstream *upstream, struct child_process *forwarder);
void forwarding_upstream_tell_gone(const struct forwarding_upstream *upstream,
                                   struct child_process *forwarder);
