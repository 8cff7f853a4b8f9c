/* A request's body that comes over the lane: from the socket straight into libcurl's buffer, if that has
 * room for a packet, and for as many as that. */
#include "daemon/forwarder/request_body.h"

#include "lib/util.h"

#include <errno.h>

/* Packets for one call of libcurl's: they may be of a byte each, or of a request that is over, without end,
 * and there are others to be served. */
#define AT_A_TIME 32

void request_body_init(struct request_body *body, const struct lane_request *packet)
{
        *body = (struct request_body){ .streams = !packet->whole,
                                       .left = packet->whole ? 0 : packet->body_length,
                                       .taken = packet->whole };
}

void request_body_clear(struct request_body *body)
{
        free(body->kept);
        *body = (struct request_body){ 0 };
}

bool request_body_has_lane(const struct request_body *body)
{
        return body->streams && !body->taken && !body->dropped;
}

/* Takes note of a piece. False: with it there is more than was told, or less. */
static bool count(struct request_body *body, size_t length, bool end)
{
        if (body->left >= 0) {
                if ((int64_t)length > body->left) {
                        return false;
                }
                body->left -= (int64_t)length;
                if (end && body->left > 0) {
                        return false;
                }
        }
        body->ended = body->ended || end;
        body->taken = body->ended || body->left == 0;
        return true;
}

/* One packet, its struct in data, and the bytes behind that elsewhere. 1: it is of the body. 0: it is of a
 * request that is over. -ECANCELED. -EBADMSG. */
static int judge(struct request_body *body, uint64_t number, const struct lane_data *data, size_t length)
{
        bool is_data = length >= sizeof(*data) && data->head.type == LANE_DATA;
        size_t more = is_data ? length - sizeof(*data) : 0;

        if (is_data ? lane_check_data(data, more) < 0
                    : length > sizeof(*data) || lane_check_from_frontend(data, length) < 0) {
                return -EBADMSG;
        }
        if (data->head.number < number) {
                return 0;
        }
        if (data->head.number > number || data->head.type == LANE_REQUEST) {
                return -EBADMSG;
        }
        if (data->head.type == LANE_ABORT) {
                return -ECANCELED;
        }
        return count(body, more, data->head.type == LANE_END || data->last) ? 1 : -EBADMSG;
}

/* The next packet's data into a buffer that has room for LANE_DATA_MAX. *left: how many packets may be
 * looked at. */
static ssize_t receive(struct request_body *body, const struct lane_end *end, uint64_t number, void *buffer,
                       unsigned *left)
{
        while (!body->taken) {
                if (*left == 0) {
                        return -EAGAIN; /* the loop says at once that there is more */
                }
                (*left)--;
                struct lane_data data = { 0 };
                ssize_t length = lane_end_receive(end, &data, sizeof(data), buffer, LANE_DATA_MAX);
                if (length == -EAGAIN) {
                        return -EAGAIN;
                }
                int r = length > 0 ? judge(body, number, &data, (size_t)length) : -EBADMSG;
                if (r < 0) {
                        return r;
                }
                if (r > 0 && (size_t)length > sizeof(data)) {
                        return length - (ssize_t)sizeof(data);
                }
        }
        return 0;
}

/* As many as are there and have room, one behind the other. */
static ssize_t receive_all(struct request_body *body, const struct lane_end *end, uint64_t number,
                           unsigned char *buffer, size_t size)
{
        size_t total = 0;
        unsigned left = AT_A_TIME;

        do {
                ssize_t length = receive(body, end, number, buffer + total, &left);
                if (length == -EAGAIN && total > 0) {
                        break;
                }
                if (length < 0) {
                        return length; /* it is over, and so is the part of it that came */
                }
                total += (size_t)length;
        } while (!body->taken && size - total >= LANE_DATA_MAX);
        return (ssize_t)total;
}

ssize_t request_body_receive(struct request_body *body, const struct lane_end *end, uint64_t number,
                             void *buffer, size_t size)
{
        if (body->kept_at == body->kept_end) {
                if (size >= LANE_DATA_MAX) {
                        return receive_all(body, end, number, buffer, size);
                }
                if (!body->kept && !(body->kept = malloc(LANE_DATA_MAX))) {
                        return -ENOMEM;
                }
                unsigned left = AT_A_TIME;
                ssize_t length = receive(body, end, number, body->kept, &left);
                if (length <= 0) {
                        return length;
                }
                body->kept_at = 0;
                body->kept_end = (size_t)length;
        }
        size_t n = MIN_OF(size, body->kept_end - body->kept_at);
        memcpy(buffer, body->kept + body->kept_at, n);
        body->kept_at += n;
        return (ssize_t)n;
}

bool request_body_late(struct request_body *body, const struct lane_packet *packet)
{
        if (body->dropped) {
                return true;
        }
        if (packet->type == LANE_END && body->streams && !body->ended) {
                body->ended = true;
                return true;
        }
        return false;
}
