/* delivery: sends a request's answer, rightly or wrongly. Bytes that libmicrohttpd would never send go
 * around it: straight to the TLS session or to the socket, after which the connection is closed. */
#include "simulator/delivery.h"

#include "lib/util.h"
#include "simulator/listener.h"
#include "simulator/request.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#define BLOCK_SIZE (32 * 1024)

/* The length that a truncated answer without a body claims. */
#define TRUNCATED_SIZE 100

static const char giant_head[] = "{\"ust\":\"";
static const char garbage[] =
        "\x16\x03\x01 neither a status line nor a header\n\0\xff\xfe\r\n\r\n220 nothing\r\n";

static ssize_t read_drip(void *cls, uint64_t pos, char *buffer, size_t max)
{
        struct request *request = cls;
        size_t size;

        if (request->phase == REQUEST_ABANDONED) {
                return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (pos >= request->answer->size || max == 0) {
                return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (!request->byte_due) {
                return request_suspend(request, request->answer->interval_usec) < 0
                               ? MHD_CONTENT_READER_END_WITH_ERROR
                               : 0;
        }

        request->byte_due = false;
        size = MIN_OF(MIN_OF(max, request->answer->drip_bytes), request->answer->size - pos);
        memcpy(buffer, request->answer->body + pos, size);
        return (ssize_t)size;
}

static ssize_t read_truncated(void *cls, uint64_t pos, char *buffer, size_t max)
{
        struct request *request = cls;
        uint64_t end = request->answer->size / 2;
        size_t size;

        if (pos >= end) {
                return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        size = MIN_OF(max, end - pos);
        memcpy(buffer, request->answer->body + pos, size);
        return (ssize_t)size;
}

static ssize_t read_giant(void *cls, uint64_t pos, char *buffer, size_t max)
{
        struct request *request = cls;
        uint64_t end = request->answer->filler_bytes;
        size_t size;

        if (pos >= end) {
                return MHD_CONTENT_READER_END_OF_STREAM;
        }
        size = MIN_OF(max, end - pos);
        memset(buffer, 'a', size);
        for (size_t i = 0; i < size && pos + i < sizeof(giant_head) - 1; i++) {
                buffer[i] = giant_head[pos + i];
        }
        return (ssize_t)size;
}

/* The readers borrow the request: libmicrohttpd calls them only before it reports the request as ended. */
static struct MHD_Response *make_response(struct request *request)
{
        struct answer *answer = request->answer;

        switch (answer->delivery) {
        case DELIVERY_DRIP:
                return MHD_create_response_from_callback(answer->size,
                                                         MIN_OF(answer->drip_bytes, (uint64_t)BLOCK_SIZE),
                                                         read_drip, request, NULL);
        case DELIVERY_TRUNCATE:
                return MHD_create_response_from_callback(answer->size > 0 ? answer->size : TRUNCATED_SIZE,
                                                         BLOCK_SIZE, read_truncated, request, NULL);
        case DELIVERY_GIANT:
                return MHD_create_response_from_callback(answer->chunked ? MHD_SIZE_UNKNOWN
                                                                         : answer->filler_bytes,
                                                         BLOCK_SIZE, read_giant, request, NULL);
        default:
                return MHD_create_response_from_buffer(answer->size,
                                                       answer->size > 0 ? answer->body : (char[]){ "" },
                                                       MHD_RESPMEM_MUST_COPY);
        }
}

static int add_headers(struct MHD_Response *response, const struct answer *answer)
{
        const struct {
                const char *name, *value;
        } headers[] = {
                { "Content-Type",
                  answer->size > 0 || answer->filler_bytes > 0 ? answer->content_type : NULL },
                { "Allow", answer->allow },
                { "Retry-After", answer->retry_after },
                { "Location", answer->location },
                { "Connection", answer->close ? "close" : NULL },
        };

        if (answer->headers) {
                json_object_object_foreach (answer->headers, name, value) {
                        if (MHD_add_response_header(response, name, json_object_get_string(value)) !=
                            MHD_YES) {
                                return -ENOMEM;
                        }
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
                if (headers[i].value && !MHD_get_response_header(response, headers[i].name) &&
                    MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static void release(struct MHD_Response **response)
{
        if (*response) {
                MHD_destroy_response(*response);
        }
}

static int queue(struct request *request)
{
        _cleanup_(release) struct MHD_Response *response = NULL;
        int r;

        r = answer_render(request->answer);
        if (r < 0) {
                return r;
        }
        response = make_response(request);
        if (!response) {
                return -ENOMEM;
        }

        r = add_headers(response, request->answer);
        if (r < 0) {
                return r;
        }
        return MHD_queue_response(request->mhd, request->answer->status, response) == MHD_YES ? 0 : -EIO;
}

/* On plain HTTP there is no TLS session, and nothing is sent. */
static void send_garbage(struct request *request)
{
        const union MHD_ConnectionInfo *info;

        info = MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (info && info->tls_session) {
                (void)gnutls_record_send(info->tls_session, garbage, sizeof(garbage) - 1);
        }
}

int delivery_start(struct request *request)
{
        switch (request->answer->delivery) {
        case DELIVERY_HANG:
                request->phase = REQUEST_HANGING;
                return request_suspend(request, USEC_NEVER);
        case DELIVERY_RESET:
                socket_reset(request->connection->fd);
                return -ECONNRESET;
        case DELIVERY_CLOSE:
                return -ECONNABORTED;
        case DELIVERY_GARBAGE:
                send_garbage(request);
                return -ECONNABORTED;
        default:
                request->phase = REQUEST_ANSWERING;
                request->byte_due = false;
                return queue(request);
        }
}
