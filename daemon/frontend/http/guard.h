/* Is this request safe to answer? Its headers decide, apart from the caller.
 *
 * A loopback port can be reached by every web page (directly, or by a host name that is rebound to
 * 127.0.0.1), by every proxy and by every server that can be talked into fetching a URL. None of them can
 * send just our Host, none of a browser's own headers, and EQP-Client. */
#pragma once

#include "lib/listen_place.h"

#include <stdbool.h>
#include <stdint.h>

/* The headers of a request that matter; the texts are borrowed. */
struct guard_facts {
        const char *host;
        unsigned n_hosts;
        const char *client; /* EQP-Client */
        unsigned n_clients;
        const char *accept;
        unsigned n_accepts;
        const char *authorization;
        unsigned n_authorizations;
        const char *if_none_match;
        unsigned n_if_none_matches;
        const char *content_length;
        unsigned n_content_lengths;
        const char *transfer_encoding;
        unsigned n_transfer_encodings;
        const char *expect;
        unsigned n_expects;
        bool expects_continue;      /* the client waits for our word before it sends a body */
        const char *malformed;      /* static: a fault that no well-formed head has; NULL: none */
        const char *browser_header; /* static: the name of one that only browsers send */
        const char *proxy_header;   /* likewise, of proxies */
};

struct guard_refusal {
        unsigned status;
        const char *slug;
        bool close;        /* where the next request begins is in doubt: there must be none */
        char message[256]; /* what, why, what to do */
};

/* Takes one header in. */
void guard_note(struct guard_facts *facts, const char *name, const char *value);

/* Is it certain where this request ends? If not, nothing more of the connection may be read: bytes that one
 * reader takes for a body, another one takes for the next request (RFC 9112, section 11.2). Ask once all
 * headers are in. */
bool guard_framing_sound(const struct guard_facts *facts);

/* False: to be refused as *reterr_refusal says. needs_client: the path is one that needs EQP-Client. Nothing
 * but well-formedness is checked on a unix socket, where neither browsers nor proxies arrive. */
bool guard_check(const struct guard_facts *facts, const struct listen_place *place, bool needs_client,
                 struct guard_refusal *reterr_refusal);
