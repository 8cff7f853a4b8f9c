/* The frontend's packets of one request.
 *
 * The answer's head waits for what libcurl has behind it in the same turn, so that a small answer is one
 * packet instead of three; the pieces of a large body, which are records of TLS, wait for each other, as
 * each packet is a turn of the frontend's. Nothing is held any longer than that. */
#include "daemon/forwarder/lane_answer.h"

#include "lib/util.h"

void lane_answer_init(struct lane_answer *answer, const struct lane_end *end, uint64_t number)
{
        *answer = (struct lane_answer){ .end = end, .number = number };
}

void lane_answer_clear(struct lane_answer *answer)
{
        free(answer->held);
        answer->held = NULL;
        answer->n_held = answer->held_size = 0;
}

/* False: with it there would be max bytes or more, or there is no memory. */
static bool hold(struct lane_answer *answer, const void *bytes, size_t length, size_t max)
{
        if (answer->n_held + length >= max) {
                return false;
        }
        if (answer->held_size < max) {
                unsigned char *held = realloc(answer->held, max);
                if (!held) {
                        return false;
                }
                answer->held = held;
                answer->held_size = max;
        }
        memcpy(answer->held + answer->n_held, bytes, length);
        answer->n_held += length;
        return true;
}

/* False: no room. If nobody is there, that is the end of it. */
static bool send_parts(struct lane_answer *answer, const struct iovec *parts, size_t n)
{
        int r = lane_end_send(answer->end, parts, n);

        if (r < 0) {
                answer->over = true;
        }
        return r != 0;
}

static bool send_plain(struct lane_answer *answer, enum lane_packet_type type)
{
        struct lane_packet packet;

        lane_packet_init(&packet, sizeof(packet), type, answer->number);
        return send_parts(answer, &(struct iovec){ &packet, sizeof(packet) }, 1);
}

/* With the data that are held, and with more. */
static bool send_response(struct lane_answer *answer, const void *more, size_t length, bool last)
{
        const struct iovec parts[] = { { &answer->response, sizeof(answer->response) },
                                       { (void *)answer->lines, answer->response.headers_length },
                                       { answer->held, answer->n_held },
                                       { (void *)more, length } };

        answer->response.data_length = (uint32_t)(answer->n_held + length);
        answer->response.last = last;
        if (!send_parts(answer, parts, ARRAY_SIZE(parts))) {
                return false;
        }
        answer->response_due = false;
        answer->responded = true;
        answer->n_held = 0;
        answer->over = answer->over || last;
        return true;
}

/* The same behind it. */
static bool send_data(struct lane_answer *answer, const void *more, size_t length, bool last)
{
        struct lane_data data;

        lane_packet_init(&data, sizeof(data), LANE_DATA, answer->number);
        data.data_length = (uint32_t)(answer->n_held + length);
        data.last = last;
        const struct iovec parts[] = { { &data, sizeof(data) },
                                       { answer->held, answer->n_held },
                                       { (void *)more, length } };
        if (!send_parts(answer, parts, ARRAY_SIZE(parts))) {
                return false;
        }
        answer->n_held = 0;
        answer->over = answer->over || last;
        return true;
}

static bool send_continue(struct lane_answer *answer)
{
        if (answer->continue_due && send_plain(answer, LANE_CONTINUE)) {
                answer->continue_due = false;
        }
        return !answer->continue_due;
}

void lane_answer_continue(struct lane_answer *answer)
{
        if (answer->response_due || answer->responded) {
                return;
        }
        answer->continue_due = true;
        (void)send_continue(answer);
}

void lane_answer_respond(struct lane_answer *answer, const struct lane_response *response, const char *lines)
{
        answer->continue_due = false;
        answer->response = *response;
        answer->lines = lines;
        answer->response_due = true;
}

bool lane_answer_data(struct lane_answer *answer, const void *bytes, size_t length, bool last)
{
        if (answer->over) {
                return true;
        }
        if (answer->response_due) {
                if (!last && hold(answer, bytes, length, LANE_ANSWER_HELD_MAX)) {
                        return true;
                }
                if (answer->n_held + length <= LANE_DATA_MAX) {
                        return send_response(answer, bytes, length, last);
                }
                if (!send_response(answer, NULL, 0, /* last= */ false)) {
                        return false;
                }
        }
        if (answer->n_held + length > LANE_PIECE_MAX && !send_data(answer, NULL, 0, /* last= */ false)) {
                return false;
        }
        return (!last && hold(answer, bytes, length, LANE_PIECE_MAX)) ||
               send_data(answer, bytes, length, last);
}

void lane_answer_last(struct lane_answer *answer)
{
        answer->last_due = !answer->over;
}

void lane_answer_fail(struct lane_answer *answer, enum lane_fail fail, bool sent, const char *why)
{
        answer->failure_due = !answer->over;
        answer->n_held = answer->response_due ? 0 : answer->n_held;
        answer->continue_due = answer->response_due = answer->last_due = false;
        lane_failure_init(&answer->failure, answer->number, fail, sent, why);
}

bool lane_answer_flush(struct lane_answer *answer)
{
        bool sent = send_continue(answer);

        if (sent && !answer->over && answer->response_due) {
                sent = send_response(answer, NULL, 0, answer->last_due);
        }
        if (sent && !answer->over && answer->n_held > 0) {
                sent = send_data(answer, NULL, 0, answer->last_due);
        }
        if (sent && !answer->over && answer->last_due) {
                sent = send_plain(answer, LANE_LAST);
                answer->over = answer->over || sent;
        }
        if (sent && !answer->over && answer->failure_due) {
                sent = send_parts(answer, &(struct iovec){ &answer->failure, sizeof(answer->failure) }, 1);
                answer->over = answer->over || sent;
        }
        return sent;
}

bool lane_answer_waits(const struct lane_answer *answer)
{
        return !answer->over && (answer->continue_due || answer->response_due || answer->n_held > 0 ||
                                 answer->last_due || answer->failure_due);
}
