/* All connections there are: admitted, counted, each with one deadline at a time. */
#pragma once

#include "daemon/base/deadlines.h"
#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/drain.h"

struct connections {
        struct connection *first;
        unsigned n;
        struct admission admission;
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

/* A new one, with no deadline yet. Takes what is known of the peer over (also when it fails). NULL: there is
 * no room, or no memory; the socket stays the caller's in any case. */
struct connection *connections_add(struct connections *connections, int fd, struct peer *peer,
                                   const struct listen_place *place);

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

/* Is it within the limits? One that was let in over them is as soon as there is a place, which it then has
 * for good: limits may be widened, others leave. To be asked when a request needs it, of a caller who has
 * shown a right: health answers need no place, and a stranger has to go for him. */
bool connection_find_place(struct connection *connection);
