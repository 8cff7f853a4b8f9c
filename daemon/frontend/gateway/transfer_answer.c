/* The answer to a transfer, from its lane to libmicrohttpd.
 *
 * Its body is read from the lane when libmicrohttpd wants more of it, and not before: a client that does not
 * read stops its upstream. While nothing is there the connection is suspended. */
#include "daemon/frontend/gateway/transfer_answer.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/early.h"
#include "daemon/frontend/http/mhd_loop.h"
#include "daemon/frontend/http/request_wait.h"
#include "lib/gateway_headers.h"
#include "lib/util.h"

#include <strings.h>

/* What an answer's head takes of the connection's memory beside its headers, and what libmicrohttpd needs
 * for itself. */
#define HEAD_RESERVE 1024

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

/* How much longer a value can become: each place in it may be rewritten. */
static size_t rewritten_room(const char *value, const struct gateway_places *places)
{
        size_t n_places = 1;

        for (const char *at = value; *at != '\0'; at++) {
                n_places += *at == '<';
        }
        return n_places * ((places->host ? strlen(places->host) : 0) + ENVIRONMENT_NAME_MAX + 16);
}

/* libmicrohttpd refuses a header with a tab in it. */
static void write_blanks(char *text)
{
        for (char *at = text; (at = strchr(at, '\t'));) {
                *at = ' ';
        }
}

/* One header of the answer. False: no memory. */
static bool add_header(struct transfer *transfer, struct MHD_Response *response, char *name,
                       const char *value, size_t *total)
{
        const struct request *request = transfer->request;
        const struct gateway_places places = { .base_url = request->environment->view.base_url,
                                               .host = request->facts.host,
                                               .environment = transfer->what.environment };
        size_t room = strlen(value) + rewritten_room(value, &places) + 1;
        _cleanup_free_ char *text = malloc(room);

        if (!text || gateway_header_rewrite(name, value, &places, text, room) < 0) {
                return false;
        }
        write_blanks(text);
        if (transfer->covers) {
                (void)gateway_cover(text, strlen(text), transfer->session->ust);
                (void)gateway_cover(name, strlen(name), transfer->session->ust); /* by what is fit for one */
        }
        *total += strlen(name) + strlen(text) + strlen(": \r\n");
        return *text == '\0' || MHD_add_response_header(response, name, text) == MHD_YES;
}

static bool add_headers(struct transfer *transfer, struct MHD_Response *response, size_t *total)
{
        const char *lines = transfer->headers;
        size_t length = transfer->headers_length;
        struct gateway_connection none = { 0 };
        struct lane_line line;

        while (lane_line_next(&lines, &length, &line) > 0) {
                _cleanup_free_ char *name = strndup(line.text, line.name_length);
                _cleanup_free_ char *value = strndup(line.value, line.value_length);
                if (!name || !value) {
                        return false;
                }
                if (gateway_header_goes_out(name, &none) &&
                    !add_header(transfer, response, name, value, total)) {
                        return false;
                }
        }
        return MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;
}

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max);

/* A body that is there as a whole. */
static bool is_whole(const struct transfer *transfer)
{
        return transfer->over && !transfer->is_head && transfer->status != 304 &&
               transfer->content_length == (int64_t)(transfer->held.length - transfer->held.at);
}

static struct MHD_Response *make_response(struct transfer *transfer)
{
        struct transfer_held *held = &transfer->held;
        bool unknown = transfer->content_length < 0;
        bool bodiless = transfer->is_head || transfer->status == 304 || transfer->status == 204;

        if (transfer->status == 204 || is_whole(transfer)) {
                size_t length = transfer->status == 204 ? 0 : held->length - held->at;
                transfer->n_out = length;
                transfer->gateway->counts.n_out += length;
                transfer->complete = true;
                return MHD_create_response_from_buffer(length, length > 0 ? held->bytes + held->at : NULL,
                                                       MHD_RESPMEM_MUST_COPY);
        }
        transfer->complete = bodiless || transfer->content_length == 0;
        struct MHD_Response *response = MHD_create_response_from_callback(
                unknown ? MHD_SIZE_UNKNOWN : (uint64_t)transfer->content_length, LANE_DATA_MAX, on_read,
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

/* Both heads share the connection's memory; without room for this one libmicrohttpd would close. */
static bool fits(const struct transfer *transfer, size_t total)
{
        const struct request *request = transfer->request;

        return request->head_size + total + HEAD_RESERVE <= mhd_loop_memory(request->connection->loop);
}

void transfer_answer(struct transfer *transfer, uint64_t now_usec)
{
        size_t total = 0;

        cover(transfer);
        struct MHD_Response *response = make_response(transfer);
        bool good = response && add_headers(transfer, response, &total);
        if (good && !fits(transfer, total)) {
                MHD_destroy_response(response);
                transfer_fail(transfer, 502, "upstream_malformed",
                              "the head of the upstream's answer is too large to be passed on",
                              ANSWER_NO_RETRY);
                return;
        }
        if (!good && response) {
                MHD_destroy_response(response);
                response = NULL; /* the connection ends */
        }
        transfer->stage = TRANSFER_ANSWERS;
        transfer->until_usec = 0;
        request_answer(transfer->request, transfer->status, response);
        free(transfer->headers);
        transfer->headers = NULL;
        if (transfer->over) {
                transfer_leave_lane(transfer);
        }
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

/* A piece from the lane; what is too much for now is held. Returns how many bytes there are; 0: it is the
 * end of the answer; -EAGAIN: nothing is there. Else it was cut off. */
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

/* Nothing is there. A wait that is over, or an answer that was cut off, ends the connection: so the client
 * sees that this is not all of it. */
static ssize_t wait_for_more(struct transfer *transfer, ssize_t r, uint64_t now_usec)
{
        struct request *request = transfer->request;

        if (r != -EAGAIN || (transfer->until_usec > 0 && now_usec >= transfer->until_usec)) {
                transfer->end = TRANSFER_UPSTREAM_GONE;
                return end_connection(request->connection);
        }
        if (transfer->until_usec == 0) {
                transfer->until_usec = usec_add(now_usec, EARLY_QUIET_USEC + USEC_PER_SEC);
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
