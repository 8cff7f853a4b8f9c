/* A stand-in for the forwarder; see the header. */
#include "tests/fake/forwarder.h"

#include "lib/lane.h"
#include "lib/util.h"

#include <errno.h>
#include <stdalign.h>
#include <strings.h>
#include <sys/socket.h>

#define N_LANES 2

enum way {
        ANSWERS,
        ANSWERS_LARGE_HEAD,
        ANSWERS_IN_PIECES,
        REFUSES_TOKEN,
        CUTS_OFF,
        FAILS,
        DIES,
        _WAY_COUNT,
};

struct end {
        int fd;
        uint64_t number; /* of the request that is under way; 0: none */
        enum way way;
};

struct fake_forwarder {
        struct gateway *gateway;
        const char *token;
        struct end ends[N_LANES];
        uint64_t last_serial;
        unsigned n_requests;
};

static void must(bool good)
{
        if (!good) {
                abort();
        }
}

static void add_lane(struct fake_forwarder *forwarder, uint32_t id)
{
        int pair[2], size = LANE_SEND_BUFFER;

        must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        for (size_t i = 0; i < 2; i++) {
                must(setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
        }
        forwarder->ends[id] = (struct end){ .fd = pair[0] };
        gateway_add_lane(forwarder->gateway, id, ++forwarder->last_serial, pair[1]);
}

/* ---- answers ---- */

static void send_bytes(struct end *end, const void *bytes, size_t length)
{
        must(lane_check_from_forwarder(bytes, length) >= 0);
        if (send(end->fd, bytes, length, MSG_NOSIGNAL) < 0) {
                must(errno == EPIPE || errno == ECONNRESET || errno == EAGAIN);
        }
}

static void send_plain(struct end *end, enum lane_packet_type type)
{
        struct lane_packet packet;

        lane_packet_init(&packet, sizeof(packet), type, end->number);
        send_bytes(end, &packet, sizeof(packet));
}

static void send_fail(struct end *end, enum lane_fail fail)
{
        struct lane_failure failure;

        lane_failure_init(&failure, end->number, fail, /* sent= */ true, "?");
        send_bytes(end, &failure, sizeof(failure));
        end->number = 0;
}

static void respond(struct end *end, unsigned status, size_t n_headers, int64_t length, bool last)
{
        alignas(8) static char packet[LANE_PACKET_MAX];
        struct lane_response *response = (struct lane_response *)packet;
        static const char body[] = "hello";
        size_t data_length = strlen(body), headers_length = 0;

        lane_packet_init(response, sizeof(*response), LANE_RESPONSE, end->number);
        response->status = status;
        response->last = last;
        response->content_length = length;
        char *at = packet + sizeof(*response);
        for (size_t i = 0; i < n_headers; i++) {
                int n = snprintf(at + headers_length, 600, "X-%zu: %0500d\r\n", i, 0);
                headers_length += (size_t)n;
        }
        memcpy(at + headers_length, body, data_length);
        response->headers_length = (uint32_t)headers_length;
        response->data_length = (uint32_t)data_length;
        send_bytes(end, packet, sizeof(*response) + headers_length + data_length);
        if (last) {
                end->number = 0;
        }
}

static void answer(struct fake_forwarder *forwarder, struct end *end)
{
        switch (end->way) {
        case ANSWERS:
                respond(end, 200, 1, 5, /* last= */ true);
                break;
        case ANSWERS_LARGE_HEAD:
                respond(end, 201, 20, 5, /* last= */ true);
                break;
        case ANSWERS_IN_PIECES:
                respond(end, 404, 0, -1, /* last= */ false);
                send_plain(end, LANE_LAST);
                end->number = 0;
                break;
        case REFUSES_TOKEN:
                respond(end, 401, 0, 5, /* last= */ true);
                break;
        case CUTS_OFF:
                respond(end, 200, 0, 1000, /* last= */ false);
                send_fail(end, LANE_FAIL_LOST);
                break;
        case FAILS:
                send_fail(end, LANE_FAIL_UNREACHABLE);
                break;
        default:
                (void)shutdown(end->fd, SHUT_RDWR);
                break;
        }
}

/* ---- requests ---- */

/* Headers that are for the broker alone do not go out. */
static void check_headers(const struct lane_request *request)
{
        static const char *const ours[] = { "EQP-Client", "Cookie", "Forwarded", "Via" };
        const char *lines = lane_request_headers(request);
        size_t length = request->headers_length;
        struct lane_line line;

        while (lane_line_next(&lines, &length, &line) > 0) {
                for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
                        must(line.name_length != strlen(ours[i]) ||
                             strncasecmp(line.text, ours[i], line.name_length) != 0);
                }
        }
}

static void take_request(struct fake_forwarder *forwarder, struct end *end,
                         const struct lane_request *request)
{
        must(end->number == 0 && streq(request->environment, "sandbox"));
        must(request->target_length > strlen("/rest/v1/") &&
             strncmp(lane_request_target(request), "/rest/v1/", strlen("/rest/v1/")) == 0);
        must(request->token_length == strlen(forwarder->token) &&
             memcmp(lane_request_token(request), forwarder->token, request->token_length) == 0);
        check_headers(request);
        forwarder->n_requests++;
        end->number = request->head.number;
        end->way = (enum way)(request->target_length % _WAY_COUNT);
        if (request->whole) {
                answer(forwarder, end);
        } else {
                send_plain(end, LANE_CONTINUE);
        }
}

static void take(struct fake_forwarder *forwarder, struct end *end, int type, const void *packet)
{
        const struct lane_packet *head = packet;

        if (type == LANE_REQUEST) {
                take_request(forwarder, end, packet);
        } else if (end->number == 0 || head->number != end->number) {
                return; /* of one that was answered */
        } else if (type == LANE_ABORT) {
                send_fail(end, LANE_FAIL_ABORTED);
        } else if (type == LANE_END || (type == LANE_DATA && ((const struct lane_data *)packet)->last)) {
                answer(forwarder, end);
        }
}

bool fake_forwarder_turn(struct fake_forwarder *forwarder)
{
        alignas(8) static char packet[LANE_PACKET_MAX];
        bool any = false;

        for (size_t i = 0; i < N_LANES; i++) {
                struct end *end = &forwarder->ends[i];
                ssize_t n;
                while ((n = recv(end->fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
                        int type = lane_check_from_frontend(packet, (size_t)n);
                        must(type >= 0);
                        any = true;
                        take(forwarder, end, type, packet);
                }
        }
        return any;
}

/* ---- life ---- */

void fake_forwarder_lane_dead(struct fake_forwarder *forwarder, uint32_t id)
{
        must(id < N_LANES);
        (void)close(forwarder->ends[id].fd);
        add_lane(forwarder, id);
}

struct fake_forwarder *fake_forwarder_new(struct gateway *gateway, const char *token)
{
        struct fake_forwarder *forwarder = calloc(1, sizeof(*forwarder));

        must(forwarder != NULL);
        forwarder->gateway = gateway;
        forwarder->token = token;
        for (uint32_t i = 0; i < N_LANES; i++) {
                add_lane(forwarder, i);
        }
        return forwarder;
}

unsigned fake_forwarder_n_requests(const struct fake_forwarder *forwarder)
{
        return forwarder->n_requests;
}
