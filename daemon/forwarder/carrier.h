/* What carries requests from the lanes to the upstreams, and answers back: all that happens between a
 * REQUEST and its end. See lib/lane.h. */
#pragma once

#include "lib/base_url.h"
#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define CARRIER_ADDRESSES_MAX   8
#define CARRIER_ADDRESS_MAX     45 /* characters: an IPv4 or IPv6 address, without brackets and scope */
#define CARRIER_PROXY_MAX       255
#define CARRIER_CONNECTIONS_MAX 16 /* to all upstreams; further requests wait */
#define CARRIER_QUIET_MAX_SEC   60 /* without a byte either way, and for a connection to be free */
#define CARRIER_AUTHORITIES_MAX (4 * 1024 * 1024)

/* An environment's upstream. Borrowed for the call. */
struct carrier_upstream {
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1]; /* as base_url_parse() writes it */
        /* In the order of preference; of the proxy, if there is one. n == 0: not reachable for now. */
        char addresses[CARRIER_ADDRESSES_MAX][CARRIER_ADDRESS_MAX + 1];
        size_t n;
        char proxy[CARRIER_PROXY_MAX + 1]; /* URL with a port, and maybe user and password (secret); "":
                                              none. What resolves names here (socks5, socks4) cannot be used;
                                              socks5h and socks4a can. */
        uint64_t connect_timeout_usec;     /* 0: 10 s */
        uint64_t answer_timeout_usec; /* from the last byte of the request to the end of the answer's head */
        const void *authorities;      /* PEM; NULL: none, so that nothing is trusted */
        size_t authorities_length;
        const void *proxy_authorities; /* PEM, for an https proxy; NULL: none */
        size_t proxy_authorities_length;
};

struct carrier;

/* None of them may free the carrier. NULL: not wanted. */
struct carrier_handlers {
        /* No connection came about, or none that can be trusted: its addresses may be old. At each such
         * request. */
        void (*on_stale)(const char *environment, void *userdata);
        /* A lane was ended: by its other end or, broken, because that sent what makes no sense. Not called
         * for those that are replaced or freed with the carrier. */
        void (*on_lane_end)(unsigned id, bool broken, void *userdata);
        void *userdata;
};

/* libcurl must have been set up by curl_global_init(), and this is to be called before the process takes
 * away from itself what it will not need. Negative errno. */
int carrier_new(struct carrier **ret, sd_event *event, const struct carrier_handlers *handlers);

/* Ends all lanes. NULL is fine; returns NULL. */
struct carrier *carrier_free(struct carrier *carrier);

/* In place of what was known of this environment; requests under way go on as they began. -EINVAL: values
 * that make no sense. -ENOMEM: what was known before is as it was. */
int carrier_set_upstream(struct carrier *carrier, const struct carrier_upstream *upstream);

/* Requests for it get LANE_FAIL_UNKNOWN from now on; those under way are cut off: nobody is to use it any
 * more. Harmless if it is not known. */
void carrier_forget_upstream(struct carrier *carrier, const char *environment);

/* Takes fd over, also when it fails: a lane's end, nonblocking, SO_SNDBUF set. It replaces the one of that
 * id, whose request is cut off. -EINVAL: id is not below LANES_MAX. Other negative errno. */
int carrier_add_lane(struct carrier *carrier, unsigned id, int fd);

/* Requests that are under way or wait for a connection. */
size_t carrier_n_requests(const struct carrier *carrier);

/* From now on new requests, and those that wait, get LANE_FAIL_STOPPING. on_empty is called once, in a turn
 * of the loop of its own, when none is under way; the carrier may be freed in it. -ENOMEM or what sd-event
 * answered; else 0. */
int carrier_drain(struct carrier *carrier, void (*on_empty)(void *userdata), void *userdata);
