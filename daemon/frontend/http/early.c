/* Requests that are handled before their body is there. */
#include "daemon/frontend/http/early.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/connections.h"
#include "daemon/frontend/http/plain_answer.h"
#include "lib/util.h"

#include <assert.h>

#define DROPPED_MAX  (64 * 1024 * 1024)
#define DROPPED_USEC (10 * USEC_PER_SEC)

static bool is_answered(const struct request *request)
{
        return request->status != 0;
}

/* The rest of the body is dropped, and then it is answered. A client that waits for our word before
 * it sends one is answered at once; its connection ends with that. */
static enum early drop_rest(struct request *request, uint64_t now_usec)
{
        struct connection *connection = request->connection;

        if (request->phase == REQUEST_HEAD && request->facts.expects_continue &&
            request_announced(request) != 0) {
                return EARLY_ANSWER;
        }
        request->phase = REQUEST_DROPS;
        connections_expect(connection->connections, connection, CONNECTION_RECEIVING,
                           drain_transfer_until(&connection->connections->drain,
                                                usec_add(now_usec, DROPPED_USEC), now_usec));
        return EARLY_MORE;
}

static void expect_body(struct connection *connection, uint64_t now_usec)
{
        connections_expect(connection->connections, connection, CONNECTION_RECEIVING,
                           drain_transfer_until(&connection->connections->drain,
                                                usec_add(now_usec, EARLY_QUIET_USEC), now_usec));
}

static enum early take_piece(struct request *request, const char *data, size_t *size, uint64_t now_usec)
{
        size_t taken;

        expect_body(request->connection, now_usec);
        taken = request->flow->take(request, data, *size, now_usec);
        assert(taken <= *size);
        *size -= taken;
        if (is_answered(request)) {
                *size = 0;
                return drop_rest(request, now_usec);
        }
        if (request->connection->state == CONNECTION_WAITING) {
                return EARLY_SUSPEND;
        }
        return *size == 0 && request->connection->state != CONNECTION_CLOSING ? EARLY_MORE : EARLY_END;
}

static enum early drop_piece(struct request *request, size_t *size)
{
        request->body_length += *size;
        *size = 0;
        if (request->body_length > DROPPED_MAX) {
                early_stalled(request->connection);
                return EARLY_END;
        }
        return EARLY_MORE;
}

/* All of it is there, or its head is. */
static enum early handle(struct request *request,
                         void (*on_request)(struct request *request, uint64_t now_usec, void *userdata),
                         void *userdata, uint64_t now_usec)
{
        struct connection *connection = request->connection;
        bool ended = request->phase == REQUEST_ENDED;

        connections_expect_transfer(connection->connections, connection, CONNECTION_SENDING, now_usec);
        on_request(request, now_usec, userdata);
        if (is_answered(request)) {
                return ended ? EARLY_ANSWER : drop_rest(request, now_usec);
        }
        if (connection->state == CONNECTION_WAITING) {
                return EARLY_SUSPEND;
        }
        if (ended || !request->flow) {
                return EARLY_END; /* it was ended meanwhile */
        }
        request->phase = REQUEST_BODY;
        expect_body(connection, now_usec);
        return EARLY_MORE;
}

enum early early_step(struct request *request, const char *data, size_t *size,
                      void (*on_request)(struct request *request, uint64_t now_usec, void *userdata),
                      void *userdata)
{
        struct connection *connection = request->connection;
        uint64_t now_usec = clock_now_usec();

        if (connection->state == CONNECTION_CLOSING) {
                return EARLY_END; /* it was ended while the request waited */
        }
        switch (request->phase) {
        case REQUEST_BODY:
                if (*size > 0) {
                        return take_piece(request, data, size, now_usec);
                }
                request->phase = REQUEST_ENDED;
                break;
        case REQUEST_DROPS:
                if (*size > 0) {
                        return drop_piece(request, size);
                }
                connections_expect_transfer(connection->connections, connection, CONNECTION_SENDING,
                                            now_usec);
                return EARLY_ANSWER;
        default:
                break;
        }
        return handle(request, on_request, userdata, now_usec);
}

void early_stalled(struct connection *connection)
{
        struct request *request = &connection->request;

        if (request->phase == REQUEST_DROPS && request->response) {
                plain_answer_unread(connection->fd, request->status,
                                    MHD_get_response_header(request->response, "EQP-Error"));
        } else if (request->phase == REQUEST_BODY || request->phase == REQUEST_DROPS) {
                request->stalled = true;
                plain_answer_stalled(connection->fd);
        }
}
