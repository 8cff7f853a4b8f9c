/* Sound packets of a lane, to be spoiled. */
#pragma once

#include "lib/lane.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

static union {
        unsigned char bytes[LANE_PACKET_MAX + 64];
        union lane_head head;
} sample;

#define TARGET  "/rest/v1/x?a=b"
#define HEADERS "Accept: */*\r\nX-Empty:\r\n"
#define TOKEN   "token"
#define BODY    "abc"

static inline size_t add(size_t at, const char *text)
{
        memcpy(sample.bytes + at, text, strlen(text));
        return at + strlen(text);
}

static inline size_t make_request(const char *target, const char *headers, const char *token,
                                  const char *body)
{
        struct lane_request *request = &sample.head.request;

        lane_packet_init(request, sizeof(*request), LANE_REQUEST, 7);
        (void)snprintf(request->environment, sizeof(request->environment), "sandbox");
        (void)snprintf(request->base_url, sizeof(request->base_url), "https://a.example");
        (void)snprintf(request->method, sizeof(request->method), "POST");
        request->has_body = *body != '\0';
        request->whole = true;
        request->body_length = (int64_t)strlen(body);
        request->target_length = (uint32_t)strlen(target);
        request->headers_length = (uint32_t)strlen(headers);
        request->token_length = (uint32_t)strlen(token);
        request->data_length = (uint32_t)strlen(body);
        return add(add(add(add(sizeof(*request), target), headers), token), body);
}

static inline size_t make_response(const char *headers, const char *data)
{
        struct lane_response *response = &sample.head.response;

        lane_packet_init(response, sizeof(*response), LANE_RESPONSE, 7);
        response->status = 200;
        response->content_length = 3;
        response->headers_length = (uint32_t)strlen(headers);
        response->data_length = (uint32_t)strlen(data);
        return add(add(sizeof(*response), headers), data);
}

static inline size_t make_data(const char *data, bool last)
{
        lane_packet_init(&sample.head.data, sizeof(sample.head.data), LANE_DATA, 7);
        sample.head.data.data_length = (uint32_t)strlen(data);
        sample.head.data.last = last;
        return add(sizeof(sample.head.data), data);
}

static inline size_t make(enum lane_packet_type type)
{
        switch (type) {
        case LANE_REQUEST:
                return make_request(TARGET, HEADERS, TOKEN, BODY);
        case LANE_RESPONSE:
                return make_response("X-A: b\r\n", "abc");
        case LANE_DATA:
                return make_data("abc", false);
        case LANE_FAIL:
                lane_failure_init(&sample.head.failure, 7, LANE_FAIL_SLOW, true, "why");
                return sizeof(sample.head.failure);
        default:
                lane_packet_init(&sample.head.packet, sizeof(sample.head.packet), type, 7);
                return sizeof(sample.head.packet);
        }
}

static inline int from_frontend(size_t length)
{
        return lane_check_from_frontend(&sample, length);
}

static inline int from_forwarder(size_t length)
{
        return lane_check_from_forwarder(&sample, length);
}
