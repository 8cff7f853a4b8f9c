/* A head that is too large for libmicrohttpd is sent before it, past it: a status line, and the upstream's
 * headers. libmicrohttpd, which has nothing in flight at that moment, goes on with a head of its own, for
 * the same answer. That begins with a status line as well, and so the last thing that is sent ahead is the
 * name of a header, whose value it becomes:
 *
 *     HTTP/1.1 201 Created
 *     Content-Type: application/json
 *     X-Large: ...
 *     EQP-Status-Line: HTTP/1.1 201 Created
 *     Date: ...
 *     Content-Length: 17
 *
 * So the connection, the length of the body and the body stay libmicrohttpd's. */
#include "daemon/frontend/gateway/transfer_ahead.h"

#include "daemon/frontend/gateway/transfer_headers.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/mhd_loop.h"
#include "lib/util.h"

#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

/* Bytes of a connection's memory that an answer's head takes beside its headers, with those that
 * libmicrohttpd needs for itself. */
#define HEAD_RESERVE 1024

bool transfer_ahead_wanted(const struct transfer *transfer, size_t length)
{
        const struct request *request = transfer->request;

        return request->head_size + length + HEAD_RESERVE > mhd_loop_memory(request->connection->loop);
}

/* libmicrohttpd adds a date unless it is given one. */
bool transfer_ahead_has(const char *name)
{
        return strcasecmp(name, "Date") != 0;
}

static bool write_header(const char *name, const char *value, void *userdata)
{
        FILE *head = userdata;

        if (!transfer_ahead_has(name)) {
                return true;
        }
        return !strpbrk(name, "\r\n") && !strpbrk(value, "\r\n") &&
               fprintf(head, "%s: %s\r\n", name, value) > 0;
}

static bool compose(struct transfer *transfer)
{
        FILE *head = open_memstream(&transfer->ahead, &transfer->ahead_length);

        if (!head) {
                return false;
        }
        bool good = fprintf(head, "HTTP/1.1 %u %s\r\n", transfer->status,
                            MHD_get_reason_phrase_for(transfer->status)) > 0 &&
                    transfer_headers_each(transfer, write_header, head) &&
                    fputs("EQP-Status-Line: ", head) >= 0;
        good = fclose(head) == 0 && good;
        transfer->ahead_at = 0;
        if (!good) {
                free(take_ptr(transfer->ahead));
        }
        return good;
}

int transfer_ahead_send(struct transfer *transfer)
{
        if (!transfer->ahead && !compose(transfer)) {
                return -ENOMEM;
        }
        while (transfer->ahead_at < transfer->ahead_length) {
                ssize_t n = send(transfer->request->connection->fd, transfer->ahead + transfer->ahead_at,
                                 transfer->ahead_length - transfer->ahead_at, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno != EINTR) {
                        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
                }
                transfer->ahead_at += n > 0 ? (size_t)n : 0;
        }
        return 0;
}
