/* An upstream as the keeper knows it: where requests go, what was found of it last, and what of that is news
 * to the forwarder. */
#pragma once

#include "daemon/keeper/child_process.h"
#include "daemon/keeper/upstream_lookup.h"
#include "lib/settings.h"

struct gateway_upstream {
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char *base_url;
        char *ca_file; /* NULL: the system's */
        uint64_t connect_timeout_usec, answer_timeout_usec;
        struct upstream_found found;
        uint64_t number;     /* of the latest question */
        uint64_t asked_usec; /* CLOCK_BOOTTIME: when that was */
        bool under_way;
        bool looked_up;        /* once at least, whatever came out */
        bool read_authorities; /* with the next question */
        bool stale;            /* whatever comes out is told */
        char said[AUTHORITY_FILES_WHY_MAX],
                said_authorities[AUTHORITY_FILES_WHY_MAX]; /* in the log; "": all is well */
};

/* Nothing is known of it yet. -ENOMEM. */
int gateway_upstream_new(struct gateway_upstream **ret, const struct environment_settings *settings);
/* NULL is fine; returns NULL. */
struct gateway_upstream *gateway_upstream_free(struct gateway_upstream *upstream);

/* Do requests of this environment go where they went before, and is it vouched for by the same? */
bool gateway_upstream_is_same_place(const struct gateway_upstream *upstream,
                                    const struct environment_settings *settings);

/* Takes over what was found, and logs what is wrong with it, once. Returns whether the forwarder is to be
 * told. */
bool gateway_upstream_take(struct gateway_upstream *upstream, struct upstream_found *found);

/* It could not be looked up at all (error: negative errno). */
void gateway_upstream_fail(struct gateway_upstream *upstream, int error);

/* Tells the forwarder, once it was looked up; that it is gone. */
void gateway_upstream_tell(const struct gateway_upstream *upstream, struct child_process *forwarder);
void gateway_upstream_tell_gone(const struct gateway_upstream *upstream, struct child_process *forwarder);
