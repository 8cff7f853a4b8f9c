/* address: where to listen, as an IP address and a port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "[" an IPv6 address "]:" five digits, and the NUL. */
#define ADDRESS_TEXT_SIZE 64

struct address {
        struct sockaddr_storage socket;
        socklen_t size;
};

/* Reads "127.0.0.1:9443", "[::1]:0" or "localhost:9443" (which is 127.0.0.1). Names are not looked up.
 * Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *ret);

/* 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *address);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);

/* Writes the address as it is read. Returns 0 or -EINVAL. */
int address_format(const struct address *address, char ret_text[static ADDRESS_TEXT_SIZE]);

/* The host part of a URL that reaches this address and stands in the certificate: "localhost", or "[::1]".
 */
const char *address_url_host(const struct address *address);
