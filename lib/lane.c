/* Packets of a lane: may they be believed? Nothing is read as what it claims to be before its bytes were
 * looked at. */
#include "lib/lane.h"

#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

static_assert(sizeof(bool) == 1, "a boolean is read as a byte");
static_assert(sizeof(struct lane_request) + LANE_TARGET_MAX + LANE_HEADERS_MAX + LANE_TOKEN_MAX +
                                      LANE_DATA_MAX <=
                              LANE_PACKET_MAX &&
                      sizeof(struct lane_data) + LANE_PIECE_MAX <= LANE_PACKET_MAX &&
                      sizeof(struct lane_response) + LANE_HEADERS_MAX + LANE_DATA_MAX <= LANE_PACKET_MAX,
              "every packet fits");
static_assert(LANE_PACKET_MAX < 2 * LANE_SEND_BUFFER, "the kernel takes the largest packet");

static const size_t head_sizes[_LANE_PACKET_TYPE_COUNT] = {
        [LANE_REQUEST] = sizeof(struct lane_request), [LANE_DATA] = sizeof(struct lane_data),
        [LANE_END] = sizeof(struct lane_packet),      [LANE_ABORT] = sizeof(struct lane_packet),
        [LANE_CONTINUE] = sizeof(struct lane_packet), [LANE_RESPONSE] = sizeof(struct lane_response),
        [LANE_LAST] = sizeof(struct lane_packet),     [LANE_FAIL] = sizeof(struct lane_failure),
};

size_t lane_head_size(uint32_t type)
{
        return type < _LANE_PACKET_TYPE_COUNT ? head_sizes[type] : 0;
}

/* ---- characters ---- */

/* tchar of RFC 9110: each header's name is looked at several times on its way. */
static const bool is_tchar[UCHAR_MAX + 1] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
        ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
        ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
        ['`'] = true,         ['|'] = true,         ['~'] = true,
};

static bool is_token(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (!is_tchar[(unsigned char)text[i]]) {
                        return false;
                }
        }
        return length > 0;
}

static bool is_visible(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (text[i] <= ' ' || text[i] >= 0x7f) {
                        return false;
                }
        }
        return true;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static bool is_value(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];
                if ((c < ' ' && c != '\t') || c == 0x7f) {
                        return false;
                }
        }
        return true;
}

/* A bool as it came: any byte but 0 and 1 makes it none. */
static bool is_bool(const bool *at)
{
        unsigned char byte;

        memcpy(&byte, at, sizeof(byte));
        return byte <= 1;
}

/* ---- header lines ---- */

int lane_line_split(const char *text, size_t length, struct lane_line *ret)
{
        const char *colon = length > 0 ? memchr(text, ':', length) : NULL;

        if (!colon || !is_token(text, (size_t)(colon - text))) {
                return -EBADMSG;
        }
        const char *value = colon + 1, *end = text + length;
        if (!is_value(value, (size_t)(end - value))) {
                return -EBADMSG;
        }
        while (value < end && is_blank(*value)) {
                value++;
        }
        while (end > value && is_blank(end[-1])) {
                end--;
        }
        *ret = (struct lane_line){ text, length, (size_t)(colon - text), value, (size_t)(end - value) };
        return 0;
}

int lane_line_next(const char **lines, size_t *length, struct lane_line *ret)
{
        if (*length == 0) {
                return 0;
        }
        const char *end = memchr(*lines, '\r', *length);
        size_t n = end ? (size_t)(end - *lines) : 0;
        if (!end || n + 2 > *length || end[1] != '\n' || lane_line_split(*lines, n, ret) < 0) {
                return -EBADMSG;
        }
        *lines += n + 2;
        *length -= n + 2;
        return 1;
}

bool lane_name_is_framing(const char *name, size_t length, bool of_request)
{
        static const char *const names[] = { "Host",
                                             "Authorization",
                                             "Connection",
                                             "Content-Length",
                                             "Expect",
                                             "Keep-Alive",
                                             "Proxy-Authenticate",
                                             "Proxy-Authorization",
                                             "Proxy-Connection",
                                             "TE",
                                             "Trailer",
                                             "Transfer-Encoding",
                                             "Upgrade" };

        for (size_t i = of_request ? 0 : 2; i < ARRAY_SIZE(names); i++) {
                if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0) {
                        return true;
                }
        }
        return false;
}

static bool are_lines(const char *lines, size_t length, bool of_request)
{
        struct lane_line line;
        int r;

        while ((r = lane_line_next(&lines, &length, &line)) > 0) {
                if (lane_name_is_framing(line.text, line.name_length, of_request)) {
                        return false;
                }
        }
        return r == 0;
}

/* ---- packets ---- */

static bool is_text(const char *text, size_t size)
{
        return memchr(text, '\0', size) != NULL;
}

static bool check_body(const struct lane_request *request)
{
        if (!request->has_body) {
                return request->whole && request->body_length == 0 && request->data_length == 0;
        }
        if (request->whole) {
                return request->body_length == request->data_length;
        }
        return request->body_length >= -1 && request->body_length != 0 && request->data_length == 0;
}

static bool check_method(const struct lane_request *request)
{
        const char *method = request->method;

        return is_text(method, sizeof(request->method)) && is_token(method, strlen(method)) &&
               !streq(method, "CONNECT") && !streq(method, "TRACE") &&
               !(streq(method, "HEAD") && request->has_body);
}

static bool check_request(const struct lane_request *request, size_t length)
{
        const char *target = lane_request_target(request);

        if (request->target_length == 0 || request->target_length > LANE_TARGET_MAX ||
            request->headers_length > LANE_HEADERS_MAX || request->token_length > LANE_TOKEN_MAX ||
            request->data_length > LANE_DATA_MAX ||
            length != (size_t)request->target_length + request->headers_length + request->token_length +
                              request->data_length) {
                return false;
        }
        if (!is_bool(&request->has_body) || !is_bool(&request->whole) || !is_bool(&request->expect) ||
            !is_text(request->environment, sizeof(request->environment)) ||
            !environment_name_valid(request->environment, strlen(request->environment)) ||
            !is_text(request->base_url, sizeof(request->base_url)) ||
            !is_visible(request->base_url, strlen(request->base_url))) {
                return false;
        }
        return check_method(request) && check_body(request) && !(request->expect && request->whole) &&
               *target == '/' && is_visible(target, request->target_length) &&
               !memchr(target, '#', request->target_length) &&
               are_lines(lane_request_headers(request), request->headers_length, /* of_request= */ true) &&
               is_visible(lane_request_token(request), request->token_length);
}

static bool check_response(const struct lane_response *response, size_t length)
{
        if (response->headers_length > LANE_HEADERS_MAX || response->data_length > LANE_DATA_MAX ||
            length != (size_t)response->headers_length + response->data_length) {
                return false;
        }
        return response->status >= 200 && response->status <= 599 && is_bool(&response->last) &&
               is_bool(&response->until_close) && is_bool(&response->drop_body) &&
               response->content_length >= -1 && !(response->until_close && response->content_length >= 0) &&
               are_lines(lane_response_headers(response), response->headers_length,
                         /* of_request= */ false);
}

static bool check_failure(const struct lane_failure *failure)
{
        const char *why = failure->why;

        if (failure->fail >= _LANE_FAIL_COUNT || !is_bool(&failure->sent) ||
            !is_text(why, sizeof(failure->why))) {
                return false;
        }
        for (; *why; why++) {
                if (*why < ' ' || *why > '~') {
                        return false;
                }
        }
        return true;
}

static bool check_data(const struct lane_data *data, size_t length, size_t max)
{
        return data->head.type == LANE_DATA && data->head.zero == 0 && data->head.number > 0 &&
               data->data_length == length && length <= max && is_bool(&data->last) &&
               (length > 0 || data->last);
}

int lane_check_data(const struct lane_data *data, size_t length)
{
        return check_data(data, length, LANE_DATA_MAX) ? 0 : -EBADMSG;
}

/* length: of what stands behind the struct. */
static bool check_whole(uint32_t type, const void *bytes, size_t length, bool of_frontend)
{
        switch (type) {
        case LANE_REQUEST:
                return check_request(bytes, length);
        case LANE_DATA:
                return check_data(bytes, length, of_frontend ? LANE_DATA_MAX : LANE_PIECE_MAX);
        case LANE_RESPONSE:
                return check_response(bytes, length);
        case LANE_FAIL:
                return length == 0 && check_failure(bytes);
        default:
                return length == 0;
        }
}

static int check(const void *bytes, size_t length, bool of_frontend)
{
        const struct lane_packet *packet = bytes;

        if (length < sizeof(*packet) || length > LANE_PACKET_MAX) {
                return -EBADMSG;
        }
        uint32_t type = packet->type;
        size_t size = lane_head_size(type);
        if (size == 0 || length < size || packet->zero != 0 || packet->number == 0) {
                return -EBADMSG;
        }
        if (type != LANE_DATA && (type < LANE_CONTINUE) != of_frontend) {
                return -EBADMSG;
        }
        return check_whole(type, bytes, length - size, of_frontend) ? (int)type : -EBADMSG;
}

int lane_check_from_frontend(const void *bytes, size_t length)
{
        return check(bytes, length, /* of_frontend= */ true);
}

int lane_check_from_forwarder(const void *bytes, size_t length)
{
        return check(bytes, length, /* of_frontend= */ false);
}

/* ---- filling ---- */

void lane_packet_init(void *ret, size_t size, enum lane_packet_type type, uint64_t number)
{
        struct lane_packet *packet = ret;

        memset(ret, 0, size);
        packet->type = type;
        packet->number = number;
}

void lane_failure_init(struct lane_failure *ret, uint64_t number, enum lane_fail fail, bool sent,
                       const char *why)
{
        lane_packet_init(ret, sizeof(*ret), LANE_FAIL, number);
        ret->fail = fail;
        ret->sent = sent;
        for (size_t i = 0; why && why[i] && i < sizeof(ret->why) - 1; i++) {
                ret->why[i] = (char)(why[i] < ' ' || why[i] > '~' ? '?' : why[i]);
        }
}
