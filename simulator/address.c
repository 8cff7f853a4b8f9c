/* address: where to listen. Only numbers are read, so that no resolver decides what is loopback. */
#include "simulator/address.h"

#include "lib/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

static int parse_port(const char *text, uint16_t *ret)
{
        unsigned long port;

        if (strlen(text) == 0 || strlen(text) > 5 || text[strspn(text, "0123456789")] != '\0') {
                return -EINVAL;
        }
        port = strtoul(text, NULL, 10);
        if (port > UINT16_MAX) {
                return -EINVAL;
        }

        *ret = (uint16_t)port;
        return 0;
}

int address_parse(const char *text, struct address *ret)
{
        struct address address = { 0 };
        char host[ADDRESS_TEXT_SIZE];
        const char *colon = strrchr(text, ':');
        size_t length;
        uint16_t port;

        if (!colon || parse_port(colon + 1, &port) < 0) {
                return -EINVAL;
        }
        length = (size_t)(colon - text);
        if (length == 0 || length >= sizeof(host)) {
                return -EINVAL;
        }
        memcpy(host, text, length);
        host[length] = '\0';

        if (host[0] == '[' && host[length - 1] == ']') {
                struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)&address.socket;

                host[length - 1] = '\0';
                if (inet_pton(AF_INET6, host + 1, &ip6->sin6_addr) != 1) {
                        return -EINVAL;
                }
                ip6->sin6_family = AF_INET6;
                address.size = sizeof(*ip6);
        } else {
                struct sockaddr_in *ip4 = (struct sockaddr_in *)&address.socket;

                if (inet_pton(AF_INET, streq(host, "localhost") ? "127.0.0.1" : host, &ip4->sin_addr) != 1) {
                        return -EINVAL;
                }
                ip4->sin_family = AF_INET;
                address.size = sizeof(*ip4);
        }

        address_set_port(&address, port);
        *ret = address;
        return 0;
}

bool address_is_loopback(const struct address *address)
{
        if (address->socket.ss_family == AF_INET) {
                const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&address->socket;

                return ntohl(ip4->sin_addr.s_addr) >> 24 == 127;
        } else {
                const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&address->socket;

                return IN6_IS_ADDR_LOOPBACK(&ip6->sin6_addr);
        }
}

uint16_t address_port(const struct address *address)
{
        if (address->socket.ss_family == AF_INET) {
                return ntohs(((const struct sockaddr_in *)&address->socket)->sin_port);
        }
        return ntohs(((const struct sockaddr_in6 *)&address->socket)->sin6_port);
}

void address_set_port(struct address *address, uint16_t port)
{
        if (address->socket.ss_family == AF_INET) {
                ((struct sockaddr_in *)&address->socket)->sin_port = htons(port);
        } else {
                ((struct sockaddr_in6 *)&address->socket)->sin6_port = htons(port);
        }
}

int address_format(const struct address *address, char ret_text[static ADDRESS_TEXT_SIZE])
{
        char host[INET6_ADDRSTRLEN];
        bool ip4 = address->socket.ss_family == AF_INET;
        const void *ip = ip4 ? (const void *)&((const struct sockaddr_in *)&address->socket)->sin_addr
                             : (const void *)&((const struct sockaddr_in6 *)&address->socket)->sin6_addr;

        if (!inet_ntop(address->socket.ss_family, ip, host, sizeof(host))) {
                return -EINVAL;
        }
        (void)snprintf(ret_text, ADDRESS_TEXT_SIZE, ip4 ? "%s:%u" : "[%s]:%u", host, address_port(address));
        return 0;
}

const char *address_url_host(const struct address *address)
{
        if (address->socket.ss_family == AF_INET6 && address_is_loopback(address)) {
                return "[::1]";
        }
        return "localhost";
}
