/* Where the daemon listens.
 *
 * Tokens are handed out to callers that the kernel identifies, and it does so for this host only; hence
 * loopback and unix sockets, and nothing else, whatever the configuration asks for. An address is kept in
 * one spelling, so that texts can be compared. */
#include "lib/listen_address.h"

#include "lib/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

static int refuse(char *reterr_why, size_t size, const char *why)
{
        (void)snprintf(reterr_why, size, "%s", why);
        return -EINVAL;
}

static int refuse_foreign(char *reterr_why, size_t size)
{
        return refuse(
                reterr_why, size,
                "loopback only: write an address of 127.0.0.0/8 or [::1], each with a port, or an absolute "
                "path of a unix socket");
}

/* Digits only, 0 to 65535. */
static int parse_port(const char *text, uint16_t *ret)
{
        unsigned port = 0;
        size_t length = strlen(text);

        if (length < 1 || length > 5 || strspn(text, "0123456789") != length) {
                return -EINVAL;
        }
        for (const char *p = text; *p != '\0'; p++) {
                port = port * 10 + (unsigned)(*p - '0');
        }
        if (port > UINT16_MAX) {
                return -ERANGE;
        }
        *ret = (uint16_t)port;
        return 0;
}

static int parse_path(const char *text, struct listen_address *ret, char *reterr_why, size_t size)
{
        size_t length = strlen(text);

        if (length >= sizeof(ret->path)) {
                return refuse(reterr_why, size,
                              "the path of a unix socket has 107 bytes at most: write a shorter one");
        }
        if (text[length - 1] == '/') {
                return refuse(reterr_why, size,
                              "the path of a unix socket names a file: it does not end in a slash");
        }
        *ret = (struct listen_address){ .kind = LISTEN_UNIX };
        memcpy(ret->path, text, length + 1);
        return 0;
}

static int parse_host(const char *host, struct listen_address *ret, char *reterr_why, size_t size)
{
        struct in6_addr address6;
        struct in_addr address4;
        char inner[INET6_ADDRSTRLEN];
        size_t length = strlen(host);

        if (inet_pton(AF_INET, host, &address4) == 1) {
                ret->kind = LISTEN_TCP4;
                ret->address4 = ntohl(address4.s_addr);
                if (ret->address4 >> 24 != 127) {
                        return refuse_foreign(reterr_why, size);
                }
                return 0;
        }
        if (inet_pton(AF_INET6, host, &address6) == 1) {
                return refuse(reterr_why, size, "an IPv6 address stands in brackets: write [::1]:PORT");
        }
        if (length < 3 || length - 2 >= sizeof(inner) || host[0] != '[' || host[length - 1] != ']') {
                return refuse_foreign(reterr_why, size);
        }

        memcpy(inner, host + 1, length - 2);
        inner[length - 2] = '\0';
        if (inet_pton(AF_INET6, inner, &address6) != 1 || !IN6_IS_ADDR_LOOPBACK(&address6)) {
                return refuse_foreign(reterr_why, size);
        }
        ret->kind = LISTEN_TCP6;
        return 0;
}

static void write_text(struct listen_address *address)
{
        uint32_t a = address->address4;

        if (address->kind == LISTEN_TCP4) {
                (void)snprintf(address->path, sizeof(address->path), "%u.%u.%u.%u:%u", a >> 24,
                               a >> 16 & 255, a >> 8 & 255, a & 255, (unsigned)address->port);
        } else {
                (void)snprintf(address->path, sizeof(address->path), "[::1]:%u", (unsigned)address->port);
        }
}

int listen_address_parse(const char *text, struct listen_address *ret, char *reterr_why, size_t size)
{
        struct listen_address address = { .kind = LISTEN_TCP4 };
        const char *colon = strrchr(text, ':');
        char host[64];
        size_t host_length;
        int r;

        if (text[0] == '/') {
                return parse_path(text, ret, reterr_why, size);
        }
        if (strncmp(text, "unix:", strlen("unix:")) == 0) {
                return refuse(reterr_why, size,
                              "write the absolute path of the unix socket alone, without unix:");
        }
        if (text[0] == '@') {
                return refuse(reterr_why, size,
                              "an abstract socket has no owner and no mode: write an absolute path");
        }

        host_length = colon ? (size_t)(colon - text) : strlen(text);
        if (host_length >= sizeof(host)) {
                return refuse_foreign(reterr_why, size);
        }
        memcpy(host, text, host_length);
        host[host_length] = '\0';
        if (strcasecmp(host, "localhost") == 0) {
                return refuse(reterr_why, size,
                              "localhost may be two addresses: write 127.0.0.1:PORT, and [::1]:PORT on a "
                              "line of its "
                              "own");
        }
        /* The last colon of a bare IPv6 address divides nothing. */
        if (!colon || strchr(colon, ']')) {
                return refuse(reterr_why, size, "the port is missing: write 127.0.0.1:PORT or [::1]:PORT");
        }

        r = parse_host(host, &address, reterr_why, size);
        if (r < 0) {
                return r;
        }
        if (parse_port(colon + 1, &address.port) < 0) {
                return refuse(reterr_why, size, "the port is not a number from 0 to 65535");
        }
        write_text(&address);
        *ret = address;
        return 0;
}

bool listen_address_equal(const struct listen_address *a, const struct listen_address *b)
{
        if (a->kind != LISTEN_UNIX && a->port == 0) {
                return false;
        }
        return a->kind == b->kind && streq(a->path, b->path);
}
