/* The headers of a request and of its answer on their way through the gateway: which ones go on, and what of
 * them is written anew. Pure.
 *
 * Names are alike whatever their case, and '_' counts as '-': some upstreams make no difference. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Headers that Connection names: each is for one hop only. The texts are borrowed. */
#define GATEWAY_CONNECTION_MAX 4
struct gateway_connection {
        const char *values[GATEWAY_CONNECTION_MAX];
        size_t n;
        bool too_many; /* there were more */
};

/* Takes the value of a header in, if its name is Connection. */
void gateway_connection_note(struct gateway_connection *connection, const char *name, const char *value);

/* Is this one of the options listed? */
bool gateway_connection_has(const struct gateway_connection *connection, const char *option);

/* Does this header of a client's request go on to the upstream? Not what is for one hop, what tells of other
 * hops, what browsers keep, and what the gateway says itself: Host, Authorization, the body's length. */
bool gateway_header_goes_in(const char *name, const struct gateway_connection *connection);

/* Does this header of the upstream's answer go on to the client? Not what is for one hop, what only browsers
 * keep or heed, and what the gateway says itself: the body's length, X-Content-Type-Options, EQP-Error. */
bool gateway_header_goes_out(const char *name, const struct gateway_connection *connection);

/* Does a header of this name have an upstream take the request for one of another method? */
bool gateway_header_overrides_method(const char *name);

/* Does this value of Upgrade ask for another protocol than a newer HTTP, which need not be answered? */
bool gateway_upgrade_matters(const char *value);

/* Where the client finds what the upstream names. */
struct gateway_places {
        const char *base_url; /* of the upstream: https://host[:port][/path], no slash at its end */
        const char *host;     /* our name as the client has it: the Host header; NULL: none */
        const char *environment;
};

/* Writes the value of a header of the answer as the client is to read it: Location, Content-Location and
 * Link, where they name something below the upstream's base URL, name it below ours. Other values, and other
 * headers, are copied. Returns the length; -ENOBUFS: it takes more than size bytes, with the NUL. */
int gateway_header_rewrite(const char *name, const char *value, const struct gateway_places *places,
                           char *ret, size_t size);

/* Covers each echo of a secret (lib/echo.h) with as many asterisks. Returns whether there was one. */
bool gateway_cover(char *bytes, size_t length, const char *secret);
