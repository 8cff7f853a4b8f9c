/* A connection, and the request that is being handled on it. */
#pragma once

#include "daemon/frontend/callers/admission.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/callers/caller.h"
#include "daemon/frontend/http/request.h"

enum connection_state {
        CONNECTION_RECEIVING, /* a request is on its way */
        CONNECTION_WAITING,   /* suspended until an environment has news or the wait is over */
        CONNECTION_SENDING,   /* the answer is on its way */
        CONNECTION_IDLE,      /* kept alive: no request has begun */
        CONNECTION_CLOSING,   /* shut down by us, for both directions */
};

/* Data that lives as long as a connection and is not of this folder; embedded. */
struct connection_guest {
        void (*on_end)(struct connection_guest *guest); /* the descriptor is still open */
};

struct connection {
        struct connection *next, **link; // connections::first
        struct connections *connections;
        struct mhd_loop *loop;
        struct MHD_Connection *mhd;
        int fd;
        struct caller caller;
        struct listen_place place;
        struct admission_user *user; /* whose it is */
        enum admission_place holds;  /* the kind that it counts as; PLACE_OVER: it gets health answers only,
                                        until there is a place for it */
        struct ring ring;            // admission_user::idle or wanting
        enum connection_state state;
        uint64_t deadline_usec;
        uint64_t quiet_since_usec;      /* its last answer was sent, or it was accepted */
        bool last;                      /* the next answer is its last one */
        struct connection_guest *guest; /* NULL: none */
        struct request request;
};

/* Has nothing of a request come yet, or of the next one? */
bool connection_between_requests(const struct connection *connection);

/* The sender of its request, for the log; to be used before the request is cleared. */
struct audit_caller connection_caller(const struct connection *connection);

/* Shuts the socket down: libmicrohttpd sees the end, and closes. */
void connection_end(struct connection *connection);
