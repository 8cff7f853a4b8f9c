/* Answers as libmicrohttpd responses. A body that holds a token lies in secret memory for as long as the
 * response lives. */
#include "daemon/frontend/http/answer.h"

#include "daemon/base/clock.h"
#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_TYPE "application/json"

static void wipe_body(void *body)
{
        (void)secret_free(body);
}

/* The headers that every answer has. libmicrohttpd would write a date as well, each time that the answer is
 * sent. */
static struct MHD_Response *finish(struct MHD_Response *response, const char *content_type)
{
        char date[CLOCK_TEXT_MAX];

        if (response &&
            (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) != MHD_YES ||
             MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, clock_format_http(date)) != MHD_YES ||
             MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") != MHD_YES ||
             MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") != MHD_YES)) {
                MHD_destroy_response(response);
                return NULL;
        }
        return response;
}

/* libmicrohttpd 0.9.75 forgets with this header that there is a date, and would write a second one. */
static bool restore_date(struct MHD_Response *response)
{
        const char *there = MHD_get_response_header(response, MHD_HTTP_HEADER_DATE);
        char date[CLOCK_TEXT_MAX];

        if (!there) {
                return true;
        }
        (void)snprintf(date, sizeof(date), "%s", there);
        return MHD_del_response_header(response, MHD_HTTP_HEADER_DATE, date) == MHD_YES &&
               MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date) == MHD_YES;
}

/* Tells the client that no other answer follows on this connection. Harmless if it says so already. False:
 * no memory. */
static bool make_last(struct MHD_Response *response)
{
        return MHD_get_response_header(response, MHD_HTTP_HEADER_CONNECTION) ||
               (MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES &&
                restore_date(response));
}

struct MHD_Response *answer_secret(char *body, size_t length, const char *content_type)
{
        struct MHD_Response *response =
                MHD_create_response_from_buffer_with_free_callback(length, body, wipe_body);

        if (!response) {
                wipe_body(body);
                return NULL;
        }
        return finish(response, content_type);
}

struct MHD_Response *answer_text(const char *text, size_t length, const char *content_type)
{
        return finish(
                MHD_create_response_from_buffer(length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY),
                content_type);
}

/* The end of its line is for a person at a shell, whose prompt would follow the last brace. */
struct MHD_Response *answer_json(struct json_object *json, bool secret)
{
        struct MHD_Response *response = NULL;
        size_t length;

        if (secret) {
                char *body = secret_json_text(json, &length);
                if (!body) {
                        return NULL;
                }
                body[length] = '\n';
                return answer_secret(body, length + 1, JSON_TYPE);
        }
        const char *text = json_text(json, &length);
        _cleanup_free_ char *line = text ? malloc(length + 1) : NULL;
        if (line) {
                memcpy(line, text, length);
                line[length] = '\n';
                response = answer_text(line, length + 1, JSON_TYPE);
        }
        json_object_put(json);
        return response;
}

struct answer answer_error(unsigned status, const char *slug, const char *message)
{
        return answer_error_with(status, slug, message, ANSWER_NO_RETRY, NULL, false);
}

struct answer answer_error_with(unsigned status, const char *slug, const char *message,
                                uint32_t retry_after_sec, const char *allow, bool close)
{
        struct json_object *json = json_object_new_object();
        char seconds[16];

        json_put(json, "code", json_object_new_int((int)status));
        if (slug) {
                json_put(json, "error", json_object_new_string(slug));
        }
        json_put(json, "message", json_object_new_string(message));
        struct MHD_Response *response = answer_json(json, /* secret= */ false);
        if (response && retry_after_sec != ANSWER_NO_RETRY) {
                (void)snprintf(seconds, sizeof(seconds), "%u", retry_after_sec);
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
        }
        if (response && allow) {
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
        }
        if (response && close) {
                (void)make_last(response);
        }
        return (struct answer){ status, response };
}

struct answer answer_error_as_upstream(unsigned status, const char *slug, const char *message,
                                       uint32_t retry_after_sec, const char *allow, bool close)
{
        struct answer answer =
                answer_error_with(status, /* slug= */ NULL, message, retry_after_sec, allow, close);

        if (answer.response) {
                (void)MHD_add_response_header(answer.response, "EQP-Error", slug);
        }
        return answer;
}

uint32_t answer_retry_after(uint64_t moment_usec, uint64_t now_usec)
{
        if (moment_usec == USEC_NEVER) {
                return 60;
        }
        uint64_t seconds = (usec_sub(moment_usec, now_usec) + USEC_PER_SEC - 1) / USEC_PER_SEC;
        return (uint32_t)MAX_OF(MIN_OF(seconds, (uint64_t)3600), (uint64_t)1);
}
