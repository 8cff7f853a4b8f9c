/* The common part of the load makers: the bare needs of an HTTP/1.1 client that sends the same request over
 * and over, and reads answers with a Content-Length. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* An answer on its way in. */
struct wire_reply {
        size_t length;
        char bytes[4096];
};

/* The request that every connection sends, read from a file. Ends the program if that does not work. */
struct wire_request {
        char *bytes;
        size_t length;
};
struct wire_request wire_read_request(const char *path);

/* A number of the command line, or the end of the program. */
unsigned long wire_number(const char *text, const char *what, unsigned long max);

/* A non-blocking connection to 127.0.0.1:port, perhaps still on its way. -errno. */
int wire_connect(uint16_t port);

/* The same where the text says: a port, or the path of a unix socket (then connected at once). -errno. */
int wire_connect_to(const char *where);

/* Sends the whole request: it is smaller than any socket buffer. -errno; -EAGAIN: not connected yet. */
int wire_send(int fd, const struct wire_request *request);

/* Reads what is there. The status once the answer is whole (*reply is empty again then); -EAGAIN: more is to
 * come; -ECONNRESET: the other end closed; other -errno. */
int wire_receive(int fd, struct wire_reply *reply);

uint64_t wire_now_nsec(void);

_Noreturn void wire_fail(const char *what, int error);
