/* The answer to a transfer, from its lane to libmicrohttpd.
 *
 * Its body is read from the lane when libmicrohttpd wants more of it, and not before: a client that does not
 * read stops its upstream. While nothing is there the connection is suspended. */
#include "daemon/frontend/gateway/transfer_answer.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/gateway/transfer_ahead.h"
#include "daemon/frontend/gateway/transfer_headers.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/early.h"
#include "daemon/frontend/http/mhd_loop.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/gateway_headers.h"
#include "lib/util.h"

#include <strings.h>

/* So soon a socket that was full is looked at again. */
#define AHEAD_PAUSE_USEC (20 * USEC_PER_MSEC)

/* ---- the head ---- */

bool transfer_take_response(struct transfer *transfer, const struct lane_response *packet, uint64_t now_usec)
{
        struct gateway_counts *counts = &transfer->gateway->counts;

        transfer->status = packet->status;
        transfer->content_length = packet->content_length;
        transfer->until_close = packet->until_close;
        transfer->headers = malloc(packet->headers_length + 1);
        if (!transfer->headers || !transfer_held_room(&transfer->held, packet->data_length)) {
                return false;
        }
        memcpy(transfer->headers, lane_response_headers(packet), packet->headers_length);
        transfer->headers_length = packet->headers_length;
        memcpy(transfer->held.bytes, lane_response_data(packet), packet->data_length);
        transfer->held.length = packet->data_length;
        transfer->held.at = 0;
        counts->n_timed++;
        counts->timed_usec += usec_sub(now_usec, transfer->lane_usec);
        return true;
}

void transfer_forget_answer(struct transfer *transfer)
{
        free(transfer->headers);
        transfer->headers = NULL;
        transfer->headers_length = 0;
        transfer->held.length = transfer->held.at = 0;
        transfer->status = 0;
        transfer->over = false;
}

static bool is_compressed(const struct transfer *transfer)
{
        const char *lines = transfer->headers;
        size_t length = transfer->headers_length;
        struct lane_line line;

        while (lane_line_next(&lines, &length, &line) > 0) {
                if (line.name_length == strlen("Content-Encoding") &&
                    strncasecmp(line.text, "Content-Encoding", line.name_length) == 0 &&
                    !(line.value_length == strlen("identity") &&
                      strncasecmp(line.value, "identity", line.value_length) == 0)) {
                        return true;
                }
        }
        return false;
}

bool transfer_must_hold(const struct transfer *transfer)
{
        return transfer->covers && transfer->status >= 400 && !is_compressed(transfer);
}

static void cover(struct transfer *transfer)
{
        const struct transfer_held *held = &transfer->held;

        if (transfer_must_hold(transfer)) {
                (void)gateway_cover(held->bytes + held->at, held->length - held->at, transfer->session->ust);
        }
}

/* ---- libmicrohttpd's response ---- */

/* The head as libmicrohttpd gets it. */
struct head {
        struct MHD_Response *response;
        bool rest;    /* the upstream's headers were sent ahead */
        bool empty;   /* there is one without a value, which libmicrohttpd does not take */
        size_t total; /* bytes */
};

static bool add_header(const char *name, const char *value, void *userdata)
{
        struct head *head = userdata;

        head->empty = head->empty || *value == '\0';
        if (*value == '\0' || (head->rest && transfer_ahead_has(name))) {
                return true;
        }
        head->total += strlen(name) + strlen(value) + strlen(": \r\n");
        return MHD_add_response_header(head->response, name, value) == MHD_YES;
}

static bool add_headers(const struct transfer *transfer, struct head *head)
{
        return transfer_headers_each(transfer, add_header, head) &&
               MHD_add_response_header(head->response, "X-Content-Type-Options", "nosniff") == MHD_YES;
}

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max);

/* A body that is there as a whole. */
static bool is_whole(const struct transfer *transfer)
{
        return transfer->over && !transfer->is_head && transfer->status != 304 &&
               transfer->content_length == (int64_t)(transfer->held.length - transfer->held.at);
}

/* Its head has nothing after it, or all of it is libmicrohttpd's at once. */
static void note_form(struct transfer *transfer)
{
        bool bodiless = transfer->is_head || transfer->status == 304 || transfer->status == 204;

        transfer->complete = bodiless || transfer->content_length == 0 || is_whole(transfer);
        if (transfer->status != 204 && is_whole(transfer)) {
                transfer->n_out = transfer->held.length - transfer->held.at;
                transfer->gateway->counts.n_out += transfer->n_out;
        }
}

static struct MHD_Response *make_response(struct transfer *transfer)
{
        struct transfer_held *held = &transfer->held;
        bool unknown = transfer->content_length < 0;
        bool bodiless = transfer->is_head || transfer->status == 304 || transfer->status == 204;

        if (transfer->status == 204 || is_whole(transfer)) {
                size_t length = transfer->status == 204 ? 0 : held->length - held->at;
                return MHD_create_response_from_buffer(length, length > 0 ? held->bytes + held->at : NULL,
                                                       MHD_RESPMEM_MUST_COPY);
        }
        struct MHD_Response *response = MHD_create_response_from_callback(
                unknown ? MHD_SIZE_UNKNOWN : (uint64_t)transfer->content_length, LANE_PIECE_MAX, on_read,
                transfer, NULL);
        /* Without it, libmicrohttpd ends a chunked body that is not there. A length that was told by closing
         * is handed on by closing. */
        if (response && unknown && (bodiless || transfer->until_close) &&
            MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END) != MHD_YES) {
                MHD_destroy_response(response);
                return NULL;
        }
        return response;
}

/* As far as there is room for it in the socket, which a client that does not read leaves none in. */
static enum transfer_step send_ahead(struct transfer *transfer, uint64_t now_usec)
{
        int r = transfer_ahead_send(transfer);

        if (r == -EAGAIN && transfer->stage != TRANSFER_AHEAD) {
                (void)transfer_go_to(transfer, TRANSFER_AHEAD);
        }
        if (r == -EAGAIN) {
                uint64_t until_usec = transfer_patience(transfer, EARLY_QUIET_USEC, now_usec);
                return now_usec < until_usec
                               ? transfer_wait(transfer, MIN_OF(until_usec, now_usec + AHEAD_PAUSE_USEC))
                               : TRANSFER_BROKEN;
        }
        return r < 0 ? TRANSFER_BROKEN : TRANSFER_GOES_ON;
}

/* NULL: no memory. *ret_fits: libmicrohttpd has room for its head. */
static struct MHD_Response *make_with_head(struct transfer *transfer, bool rest, bool *ret_fits)
{
        struct head head = { .response = make_response(transfer), .rest = rest };

        if (head.response && !add_headers(transfer, &head)) {
                MHD_destroy_response(head.response);
                head.response = NULL;
        }
        *ret_fits = !head.empty && !transfer_ahead_wanted(transfer, head.total);
        return head.response;
}

enum transfer_step transfer_answer(struct transfer *transfer, uint64_t now_usec)
{
        bool fits = !transfer->ahead && !transfer_ahead_wanted(transfer, transfer->headers_length);
        struct MHD_Response *response = NULL;

        cover(transfer);
        if (fits) {
                response = make_with_head(transfer, /* rest= */ false, &fits);
                if (response && !fits) { /* its headers grew, as places in them were rewritten */
                        MHD_destroy_response(response);
                }
        }
        if (!fits) {
                enum transfer_step step = send_ahead(transfer, now_usec);
                if (step != TRANSFER_GOES_ON) {
                        return step;
                }
                response = make_with_head(transfer, /* rest= */ true, &fits);
        }
        note_form(transfer);
        transfer->stage = TRANSFER_ANSWERS;
        transfer->until_usec = 0;
        request_answer(transfer->request, transfer->status, response); /* NULL: the connection ends */
        free(take_ptr(transfer->headers));
        free(take_ptr(transfer->ahead));
        if (transfer->over) {
                transfer_leave_lane(transfer);
        }
        return TRANSFER_ANSWERED;
}

/* ---- the body ---- */

static size_t take_held(struct transfer *transfer, char *buffer, size_t max)
{
        struct transfer_held *held = &transfer->held;
        size_t n = MIN_OF(held->length - held->at, max);

        memcpy(buffer, held->bytes + held->at, n);
        held->at += n;
        if (held->at == held->length) {
                held->at = held->length = 0;
        }
        return n;
}

/* A piece from the lane; the part that is too much for now is held. Returns how many bytes there are; 0: it
 * is the end of the answer; -EAGAIN: nothing is there. Else it was cut off. */
static ssize_t receive(struct transfer *transfer, char *buffer, size_t max)
{
        const union lane_head *head;

        for (;;) {
                int type = transfer->lane.lane ? lane_receive(transfer->lane.lane, &head) : -EPIPE;
                if (type < 0) {
                        return type;
                }
                if (type == LANE_LAST) {
                        transfer->over = true;
                        return 0;
                }
                if (type != LANE_DATA) {
                        return -EPIPE;
                }
                transfer->over = head->data.last;
                size_t n = MIN_OF((size_t)head->data.data_length, max);
                size_t left = head->data.data_length - n;
                if (left > 0 && !transfer_held_room(&transfer->held, left)) {
                        return -ENOMEM;
                }
                memcpy(buffer, lane_data_bytes(&head->data), n);
                memcpy(transfer->held.bytes, lane_data_bytes(&head->data) + n, left);
                transfer->held.length = left;
                if (n > 0 || transfer->over) {
                        return (ssize_t)n;
                }
        }
}

static void expect_reader(struct connection *connection, uint64_t now_usec)
{
        connections_expect(connection->connections, connection, CONNECTION_SENDING,
                           drain_transfer_until(&connection->connections->drain,
                                                usec_add(now_usec, EARLY_QUIET_USEC), now_usec));
}

/* The connection ends. libmicrohttpd 0.9.75, with epoll, forgets one whose reader says so until something
 * comes of it, and nothing does; it looks at those that have a time-out each time. */
static ssize_t end_connection(struct connection *connection)
{
        connection_end(connection);
        (void)MHD_set_connection_option(connection->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 1U);
        mhd_loop_wake(connection->loop);
        return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* Nothing is there. A wait that is over, as the daemon's end may make it, or an answer that was cut off,
 * ends the connection: so the client sees that this is not all of it. */
static ssize_t wait_for_more(struct transfer *transfer, ssize_t r, uint64_t now_usec)
{
        struct request *request = transfer->request;
        uint64_t until_usec = transfer_patience(transfer, EARLY_QUIET_USEC + USEC_PER_SEC, now_usec);

        if (r != -EAGAIN || now_usec >= until_usec) {
                transfer->end = r == -EAGAIN && request->cut_short ? TRANSFER_ENDED : TRANSFER_UPSTREAM_GONE;
                return end_connection(request->connection);
        }
        request_wait(request, transfer->until_usec);
        MHD_suspend_connection(request->connection->mhd);
        return 0;
}

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max)
{
        struct transfer *transfer = userdata;
        struct connection *connection = transfer->request->connection;
        uint64_t now_usec = clock_now_usec();
        ssize_t n = (ssize_t)take_held(transfer, buffer, max);

        if (connection->state == CONNECTION_CLOSING) {
                return end_connection(connection); /* it was ended meanwhile */
        }
        if (n == 0 && !transfer->over) {
                n = receive(transfer, buffer, max);
        }
        if (n < 0) {
                return wait_for_more(transfer, n, now_usec);
        }
        transfer->until_usec = 0;
        transfer->n_out += (uint64_t)n;
        transfer->gateway->counts.n_out += (uint64_t)n;
        if (transfer->over) {
                transfer_leave_lane(transfer);
        }
        transfer->complete = transfer->content_length < 0
                                     ? n == 0
                                     : position + (uint64_t)n == (uint64_t)transfer->content_length;
        if (n == 0 && transfer->content_length >= 0) {
                return wait_for_more(transfer, -EPIPE, now_usec); /* shorter than was told */
        }
        expect_reader(connection, now_usec);
        return n > 0 ? n : MHD_CONTENT_READER_END_OF_STREAM;
}
