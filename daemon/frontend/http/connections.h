/* All connections there are: admitted, counted, each with one deadline at a time. */
#pragma once

#include "daemon/base/deadlines.h"
#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/drain.h"
#include "daemon/frontend/http/parking.h"

struct connections {
        struct connection *first;
        unsigned n;
        struct admission admission;
        struct parking parking;
        bool stirred; /* there may be a place for one that waits: daemon/frontend/http/room */
        struct deadlines deadlines;
        struct drain drain;        /* bounds them, once it has begun */
        unsigned n_peak;           /* since memory was last given back */
        struct connection **by_fd; /* those that libmicrohttpd has not told of yet */
        size_t n_by_fd;
};

/* Zeroed before. look: as daemon/base/deadlines calls it, to deal with those whose deadline has passed.
 * Negative errno. */
int connections_init(struct connections *connections, sd_event *event, const struct http_limits *limits,
                     uint64_t (*look)(uint64_t now_usec, void *userdata), void *userdata);
/* There must be none any more. */
void connections_clear(struct connections *connections);

/* A new one, with no deadline yet, of this user and already counted as this. Takes what is known of the peer
 * over. NULL: there is no memory; everything stays the caller's. */
struct connection *connections_add(struct connections *connections, int fd, const struct peer *peer,
                                   const struct listen_place *place, struct admission_user *user,
                                   enum admission_place holds);

/* It is on its way out: it is not counted any more, though it lasts until libmicrohttpd has closed it. */
void connection_leave_place(struct connection *connection);

/* The one that was added with this socket, once; NULL: none was. */
struct connection *connections_take_new(struct connections *connections, int fd);

/* Forgets and frees it. Returns NULL. */
struct connection *connections_remove(struct connections *connections, struct connection *connection);

/* From now on it is in this state, until then. */
void connections_expect(struct connections *connections, struct connection *connection,
                        enum connection_state state, uint64_t deadline_usec);

/* From now on its request is on its way, or its answer, and may be for 10 s; for less once the end has
 * begun. */
void connections_expect_transfer(struct connections *connections, struct connection *connection,
                                 enum connection_state state, uint64_t now_usec);
