/* A carrier's news of an upstream, and its reports. */
#pragma once

#include "lib/base_url.h"
#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CARRIER_ADDRESSES_MAX   8
#define CARRIER_ADDRESS_MAX     45 /* characters: an IPv4 or IPv6 address, without brackets and scope */
#define CARRIER_PROXY_MAX       255
#define CARRIER_AUTHORITIES_MAX (4 * 1024 * 1024)

/* An environment's upstream. Borrowed for the call. */
struct carrier_upstream {
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1]; /* as base_url_parse() writes it */
        /* In the order of preference; of the proxy, if there is one. n == 0: not reachable for now. */
        char addresses[CARRIER_ADDRESSES_MAX][CARRIER_ADDRESS_MAX + 1];
        size_t n;
        char proxy[CARRIER_PROXY_MAX + 1]; /* URL with a port, and maybe user and password (secret); "":
                                              none. A proxy for which names are resolved here (socks5,
                                              socks4) cannot be used; socks5h and socks4a can. */
        uint64_t connect_timeout_usec;     /* 0: 10 s */
        uint64_t answer_timeout_usec; /* from the last byte of the request to the end of the answer's head */
        const void *authorities;      /* PEM; NULL: none, so that nothing is trusted */
        size_t authorities_length;
        const void *proxy_authorities; /* PEM, for an https proxy; NULL: none */
        size_t proxy_authorities_length;
};

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
