/* How many connections there may be: in all, and of each user.
 *
 * Up to the limits a connection has a place. A few more are taken in without one, so that health is answered
 * when all else is full; their other requests wait for a place. Still more are parked: identified, and not
 * read until there is room. */
#pragma once

#include "daemon/base/ring.h"
#include "daemon/frontend/callers/peer.h"
#include "lib/access_settings.h"

#include <stdbool.h>
#include <stdint.h>

struct http_limits {
        uint32_t max_connections;
        uint32_t max_connections_per_user;
        uint32_t max_parked; /* of each user no more than PARKED_PER_PLACE times its limit */
        bool passes_on;      /* requests of the EQP API are passed on */
};

/* As many connections as the settings say, but no more than leave descriptors for exchanges, keys and logs;
 * that is logged. The remaining ones may be parked. */
struct http_limits admission_limits(const struct access_settings *settings);

/* Connections of units that ask for credentials, at a time; others wait in the kernel's queue. They need
 * descriptors, too. */
#define CREDENTIAL_SOURCE_MAX 64

/* Without a place. */
#define ADMISSION_RESERVE          32
#define ADMISSION_RESERVE_PER_USER 4
#define PARKED_PER_PLACE           4
/* Connections that were told that there is no room, and are to be closed in a moment. */
#define ADMISSION_LEAVING 64

/* The kind of a connection, for counting. */
enum admission_place {
        PLACE_NONE,   /* not at all; of a user: how often it is held */
        PLACE_WITHIN, /* it has a place */
        PLACE_OVER,   /* taken in without one */
        PLACE_PARKED,
        _PLACE_COUNT,
};

/* A user with connections. */
struct admission_user {
        struct ring link; // admission::users
        uid_t uid;
        unsigned n[_PLACE_COUNT];
        /* The connections' owner keeps these, the one that came first at the front. */
        struct ring idle;    /* taken in, and no request has begun */
        struct ring wanting; /* taken in without a place, which the request waits for */
        struct ring parked;
};

struct admission {
        struct http_limits limits; /* may be changed at any time: connections within them stay */
        unsigned n[_PLACE_COUNT];
        struct ring users;
};

void admission_init(struct admission *admission, const struct http_limits *limits);
/* There must be no connection any more. */
void admission_clear(struct admission *admission);

/* Whose connection it is, held; all unknown peers are one user. It lasts while it is held or anything of it
 * is counted. NULL: no memory. */
struct admission_user *admission_user(struct admission *admission, const struct peer *peer);

/* Holds it until one more admission_give() of PLACE_NONE. */
void admission_hold(struct admission_user *user);

/* Is there a place for one more of this user's? */
bool admission_has_room(const struct admission *admission, const struct admission_user *user);

/* Would another connection of this user's be beyond the limit of all, though not beyond its own? */
bool admission_full_for(const struct admission *admission, const struct admission_user *user);

/* Does any of the user's connections wait for a place? */
bool admission_waits(const struct admission_user *user);

/* Counts one more as this, which is not PLACE_NONE. False: there is no room for it; nothing has changed. */
bool admission_take(struct admission *admission, struct admission_user *user, enum admission_place place);

/* Counts one less; PLACE_NONE: does not hold it any more. The user is gone if nothing is left of it. */
void admission_give(struct admission *admission, struct admission_user *user, enum admission_place place);
