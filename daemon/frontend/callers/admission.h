/* How many connections there may be: in all, and for each user. What is over these limits gets health
 * answers only, as far as a small reserve goes. */
#pragma once

#include "daemon/frontend/callers/user_counts.h"
#include "lib/access_settings.h"

#include <stdbool.h>
#include <stdint.h>

struct http_limits {
        uint32_t max_connections;
        uint32_t max_connections_per_user;
};

/* As many connections as the settings say, but no more than leave descriptors for exchanges, keys and logs;
 * that is logged. */
struct http_limits admission_limits(const struct access_settings *settings);

/* Connections of units that ask for credentials, at a time; others wait in the kernel's queue. They need
 * descriptors, too. */
#define CREDENTIAL_SOURCE_MAX 64

/* More than the limits, so that health checks are answered when all else is full. */
#define ADMISSION_RESERVE          32
#define ADMISSION_RESERVE_PER_USER 4

/* Zeroed, with limits: nobody is in. */
struct admission {
        struct http_limits limits; /* may be changed at any time: who is within them stays so */
        unsigned n_within, n_over;
        struct user_counts within, over; /* by user */
};

/* Would another connection of this peer be beyond the limit of all, though not beyond his own? */
bool admission_full_for(const struct admission *admission, const struct peer *peer);

/* Counts the peer's connection in; *ret_over: beyond the limits. False: not even the reserve has room. */
bool admission_enter(struct admission *admission, const struct peer *peer, bool *ret_over);

/* It was told to be beyond the limits: it is counted as within them from now on. False: there is no room
 * still, or no memory; nothing has changed. */
bool admission_promote(struct admission *admission, const struct peer *peer);

/* Counts it out. over: as it was told, unless it was promoted since. */
void admission_leave(struct admission *admission, const struct peer *peer, bool over);

/* Frees the counts. */
void admission_clear(struct admission *admission);
