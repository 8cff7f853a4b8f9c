/* Through which proxy an https request goes, by the variables of the environment that libcurl goes by: where
 * libcurl cannot look itself, the same comes out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXY_HOST_MAX 253 /* characters */

/* Values of variables; NULL or "": not set. */
struct proxy_words {
        const char *https_proxy, *all_proxy; /* of these and their upper-case forms the first that is set */
        const char *no_proxy;
};

/* The proxy for requests to this host (a name, an IPv4 address, or an IPv6 address without brackets); NULL:
 * none. It is one of the words. */
const char *proxy_choose(const char *host, const struct proxy_words *words);

/* A proxy, taken apart. */
struct proxy {
        const char *
                scheme; /* static: "http", "https", "socks4a", "socks5h": names are the proxy's to look up */
        const char *login;             /* "USER:PASSWORD@" inside the text */
        size_t login_length;           /* 0: there is none */
        char host[PROXY_HOST_MAX + 1]; /* without brackets */
        uint16_t port;                 /* if none is written, libcurl's: 1080, of https 443 */
};

/* Reads [SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/...]; no scheme is http. -EINVAL: it is no such thing. */
int proxy_parse(const char *text, struct proxy *ret);
