/* Where the daemon listens: a loopback address with a port, or a unix socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum listen_kind { LISTEN_TCP4, LISTEN_TCP6, LISTEN_UNIX };

struct listen_address {
        enum listen_kind kind;
        uint16_t port;     /* TCP; 0 lets the kernel choose (tests) */
        bool optional;     /* a default: skipped if the host has no such address family */
        uint32_t address4; /* LISTEN_TCP4: in host byte order, within 127.0.0.0/8 */
        char path[108];    /* LISTEN_UNIX: absolute; for TCP the text, in its one spelling, for messages */
};

/* Reads "127.0.0.1:9377", "[::1]:9377" or an absolute path shorter than 108 bytes. -EINVAL: reterr_why (size
 * bytes) says what is wrong and what to write instead. */
int listen_address_parse(const char *text, struct listen_address *ret, char *reterr_why, size_t size);

/* Would both bind the same place? Two ports that the kernel chooses are never the same. */
bool listen_address_equal(const struct listen_address *a, const struct listen_address *b);
