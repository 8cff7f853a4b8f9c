/* The common part of the load makers. */
#include "tests/bench/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX  65536
#define CONNECT_MSEC 5000

void wire_fail(const char *what, int error)
{
        (void)fprintf(stderr, "%s: %s\n", what, strerror(error));
        exit(EXIT_FAILURE);
}

struct wire_request wire_read_request(const char *path)
{
        struct wire_request request = { .bytes = malloc(REQUEST_MAX) };
        FILE *file = fopen(path, "re");

        if (!file || !request.bytes) {
                wire_fail(path, errno);
        }
        request.length = fread(request.bytes, 1, REQUEST_MAX, file);
        if (ferror(file) || request.length == 0 || request.length == REQUEST_MAX) {
                wire_fail(path, EINVAL);
        }
        (void)fclose(file);
        return request;
}

unsigned long wire_number(const char *text, const char *what, unsigned long max)
{
        char *end;

        errno = 0;
        unsigned long number = strtoul(text, &end, 10);
        if (errno != 0 || *end || end == text || *text == '-' || number == 0 || number > max) {
                wire_fail(what, EINVAL);
        }
        return number;
}

int wire_connect(uint16_t port)
{
        const struct sockaddr_in address = { .sin_family = AF_INET,
                                             .sin_port = htons(port),
                                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const int yes = 1;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0) {
                return -errno;
        }
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
            (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)) {
                int r = -errno;
                (void)close(fd);
                return r;
        }
        return fd;
}

static int connect_unix(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t length = strlen(path);

        if (length >= sizeof(address.sun_path)) {
                return -ENAMETOOLONG;
        }
        memcpy(address.sun_path, path, length);
        /* It blocks while connecting: the queue of a unix socket may be full for a moment. */
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
                return -errno;
        }
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
                int r = -errno;
                (void)close(fd);
                return r;
        }
        return fd;
}

/* Loopback answers a connection within the call, but for a full queue. */
static int wait_connected(int fd)
{
        struct pollfd waiting = { .fd = fd, .events = POLLOUT };

        return poll(&waiting, 1, CONNECT_MSEC) == 1 ? fd : -ETIMEDOUT;
}

int wire_connect_to(const char *where)
{
        if (*where == '/') {
                return connect_unix(where);
        }
        int fd = wire_connect((uint16_t)wire_number(where, "PORT", UINT16_MAX));
        return fd < 0 ? fd : wait_connected(fd);
}

int wire_send(int fd, const struct wire_request *request)
{
        ssize_t n = send(fd, request->bytes, request->length, MSG_NOSIGNAL);

        if (n < 0) {
                return -errno;
        }
        return (size_t)n == request->length ? 0 : -EIO;
}

/* The length of the whole answer, or 0 while its head is not whole. */
static size_t whole_length(struct wire_reply *reply)
{
        reply->bytes[reply->length] = '\0';
        char *end = strstr(reply->bytes, "\r\n\r\n");
        if (!end) {
                return 0;
        }
        *end = '\0';
        const char *length = strcasestr(reply->bytes, "\r\nContent-Length:");
        size_t body = length ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0;
        *end = '\r';
        return (size_t)(end + 4 - reply->bytes) + body;
}

int wire_receive(int fd, struct wire_reply *reply)
{
        size_t room = sizeof(reply->bytes) - 1 - reply->length;
        ssize_t n = room > 0 ? recv(fd, reply->bytes + reply->length, room, 0) : 0;

        if (n < 0) {
                return -errno;
        }
        if (n == 0) {
                return -ECONNRESET;
        }
        reply->length += (size_t)n;
        size_t whole = whole_length(reply);
        if (whole == 0 || reply->length < whole) {
                return -EAGAIN;
        }
        reply->length = 0;
        /* "HTTP/1.1 200 ..." */
        return (int)strtol(reply->bytes + strlen("HTTP/1.1 "), NULL, 10);
}

uint64_t wire_now_nsec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
