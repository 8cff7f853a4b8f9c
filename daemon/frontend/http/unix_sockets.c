/* Which descriptors are unix sockets.
 *
 * libmicrohttpd 0.9 takes every connection for one of TCP: for each answer it sets TCP_NODELAY and TCP_CORK,
 * and where that fails, writes a message that nobody reads. On a unix socket that is 14 % of the CPU of an
 * answer. Newer versions can be told of a connection's kind. This setsockopt() takes libc's place in the
 * program that is linked with this file, and in its libraries.
 *
 * Road not taken: an AF_UNIX address for MHD_add_connection(), which 0.9.75 does not look at. */
#include "daemon/frontend/http/unix_sockets.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBERS_MAX 65536 /* of the descriptors above nothing is known */

static uint64_t are_unix[NUMBERS_MAX / 64];

void unix_sockets_note(int fd, bool is_unix)
{
        if (fd >= 0 && fd < NUMBERS_MAX) {
                uint64_t bit = UINT64_C(1) << (fd % 64);
                are_unix[fd / 64] = is_unix ? are_unix[fd / 64] | bit : are_unix[fd / 64] & ~bit;
        }
}

static bool is_unix_socket(int fd)
{
        return fd >= 0 && fd < NUMBERS_MAX && (are_unix[fd / 64] >> (fd % 64) & 1);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
        if (level == IPPROTO_TCP && is_unix_socket(fd)) {
                return 0;
        }
        return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}
