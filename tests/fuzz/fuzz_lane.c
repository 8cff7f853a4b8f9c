/* Packets of a lane, both ways: of those that are believed, everything that is read lies within them. */
#include "lib/lane.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

static void use_lines(const char *lines, size_t length, bool of_request)
{
        struct lane_line line;
        int r;

        while ((r = lane_line_next(&lines, &length, &line)) > 0) {
                must(!lane_name_is_framing(line.text, line.name_length, of_request));
                must(line.name_length > 0 && line.text[line.name_length] == ':');
                must(!memchr(line.text, '\r', line.length) && !memchr(line.text, '\n', line.length) &&
                     !memchr(line.text, '\0', line.length));
                must(line.value >= line.text && line.value + line.value_length <= line.text + line.length);
        }
        must(r == 0);
}

static void use_visible(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                must(text[i] > ' ' && text[i] < 0x7f);
        }
}

static void use_request(const struct lane_request *request, size_t length)
{
        must(lane_request_body(request) + request->data_length == (const char *)request + length);
        must(environment_name_valid(request->environment, strlen(request->environment)));
        must(strlen(request->method) <= LANE_METHOD_MAX);
        use_visible(lane_request_target(request), request->target_length);
        use_visible(lane_request_token(request), request->token_length);
        use_lines(lane_request_headers(request), request->headers_length, true);
        must(request->whole ? request->body_length == request->data_length
                            : request->has_body && request->body_length != 0);
}

static void use_response(const struct lane_response *response, size_t length)
{
        must(lane_response_data(response) + response->data_length == (const char *)response + length);
        must(response->status >= 200 && response->status < 600);
        use_lines(lane_response_headers(response), response->headers_length, false);
}

static void use_data(const struct lane_data *data, size_t length)
{
        must(lane_data_bytes(data) + data->data_length == (const char *)data + length);
        must(lane_check_data(data, length - sizeof(*data)) == 0);
        must(data->data_length > 0 || data->last);
}

static void use(int type, const void *packet, size_t length)
{
        const struct lane_failure *failure = packet;

        must(((const struct lane_packet *)packet)->number > 0);
        must(length >= lane_head_size((uint32_t)type));
        switch (type) {
        case LANE_REQUEST:
                use_request(packet, length);
                break;
        case LANE_RESPONSE:
                use_response(packet, length);
                break;
        case LANE_DATA:
                use_data(packet, length);
                break;
        case LANE_FAIL:
                must(strlen(failure->why) < LANE_WHY_MAX);
                break;
        default:
                must(length == sizeof(struct lane_packet));
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* Exactly as much memory, so that a sanitizer sees every byte read too far. */
        _cleanup_free_ void *packet = malloc(MAX_OF(size, (size_t)1));

        must(packet);
        if (size > 0) {
                memcpy(packet, data, size);
        }
        int from_frontend = lane_check_from_frontend(packet, size);
        int from_forwarder = lane_check_from_forwarder(packet, size);

        must(from_frontend == -EBADMSG || (from_frontend >= LANE_REQUEST && from_frontend < LANE_CONTINUE));
        must(from_forwarder == -EBADMSG || from_forwarder == LANE_DATA ||
             (from_forwarder >= LANE_CONTINUE && from_forwarder < _LANE_PACKET_TYPE_COUNT));
        if (from_frontend > 0 || from_forwarder > 0) {
                use(MAX_OF(from_frontend, from_forwarder), packet, size);
        }
        return 0;
}
