/* A carrier's insides: for carrier.c, and for lane.c, which is one lane of it. */
#pragma once

#include "daemon/base/nest.h"
#include "daemon/forwarder/carried_request.h"
#include "daemon/forwarder/carrier_types.h"
#include "daemon/forwarder/handle_pool.h"

struct lane {
        struct lane_end end;
        struct carrier *carrier;
        unsigned id;
        uint64_t last_number;
        struct carried_request *request; /* NULL: none */
};

struct carrier {
        struct curl_loop *loop;
        struct nest *nest;
        sd_event_source *tick, *empty_turn;
        bool ticking;
        struct carrier_handlers handlers;
        struct lane *lanes[LANES_MAX];
        struct ring upstreams;
        struct ring authorities; /* that they know */
        struct ring waiting;     /* requests */
        struct ring awaiting;    /* requests that wait for the keeper's word on their upstream */
        struct handle_pool handles;
        size_t n_requests;
        bool draining;
        void (*on_empty)(void *userdata);
        void *empty_userdata;
        unsigned char *packet; /* secret memory, LANE_PACKET_MAX */
};

/* NULL: nothing is known of it. */
struct upstream *carrier_find_upstream(struct carrier *carrier, const char *environment);

/* There is a request: time goes by. */
void carrier_start_ticking(struct carrier *carrier);

/* Starts as many of those that wait as there are connections, and memory, for; curl_loop_hurry() is the
 * caller's. */
void carrier_start_waiting(struct carrier *carrier);
