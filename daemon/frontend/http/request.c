/* A request as it comes in, and its answer until libmicrohttpd has it. */
#include "daemon/frontend/http/request.h"

#include "daemon/frontend/http/answer.h"
#include "lib/util.h"

#include <assert.h>
#include <stdio.h>

/* Of a body that is too large so much is read and dropped, as long as the time for a request lasts: many
 * clients look for an answer only when all is sent, and a connection that ends with bytes unread resets. */
#define BODY_DISCARDED_MAX (64 * 1024 * 1024)
#define ANNOUNCED_DIGITS   15
/* libmicrohttpd's share for a header beside its text, and the bytes between the texts. */
#define HEADER_SIZE (64 + 4)

void request_take_target(struct request *request, const char *target)
{
        size_t length = strlen(target);

        request->raw_target = target;
        request->raw_target_length = length;
        request->target_too_long = length > REQUEST_TARGET_MAX;
        request->as_upstream = route_speaks_upstream(target);
        if (!request->target_too_long) {
                memcpy(request->target, target, length + 1);
        } else if (request->as_upstream) {
                request->long_target = strdup(target); /* without memory it is too long, no more */
        }
}

const char *request_target(const struct request *request)
{
        return request->long_target ? request->long_target : request->target;
}

static enum MHD_Result on_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
        struct request *request = userdata;

        request->head_size += HEADER_SIZE + strlen(name) + (value ? strlen(value) : 0);
        head_bytes_header(&request->head, name, value);
        guard_note(&request->facts, name, value);
        return MHD_YES;
}

/* How long the body is by its own account; more than 9 digits are as good as the largest number of them. */
static size_t announced_length(const struct request *request)
{
        const char *length = request->facts.content_length;

        if (!length) {
                return 0;
        }
        return strlen(length) > 9 ? 999999999 : strtoul(length, NULL, 10);
}

int64_t request_announced(const struct request *request)
{
        const char *length = request->facts.content_length;

        if (request->facts.n_transfer_encodings > 0) {
                return -1;
        }
        if (!length) {
                return 0;
        }
        return strlen(length) > ANNOUNCED_DIGITS ? INT64_MAX : strtoll(length, NULL, 10);
}

/* How many bytes the head has, with the empty line. */
static size_t size_of_head(struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

        return info ? info->header_size : 0;
}

bool request_take_head(struct request *request, struct MHD_Connection *mhd, const char *method,
                       const char *version)
{
        size_t size = size_of_head(mhd);

        request->method = http_method_parse(method);
        int n_headers = MHD_get_connection_values(mhd, MHD_HEADER_KIND, NULL, NULL);
        request->as_before = size == request->same.length && same_head_is(&request->same, method, n_headers);
        if (request->as_before) {
                request->facts = request->same.facts;
                return true;
        }
        (void)snprintf(request->method_text, sizeof(request->method_text), "%s", method);
        request->head_size = request->raw_target_length + strlen(method);
        head_bytes_line(&request->head, method, request->raw_target, request->raw_target_length, version);
        (void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, request);
        if (!head_bytes_sound(&request->head, size)) {
                request->facts.malformed =
                        "its head has bytes that belong to no header, such as NUL, a line of "
                        "one colon, or a lone line feed";
        }
        request->body_too_large = announced_length(request) > REQUEST_BODY_MAX;
        if (request->body_too_large && request->facts.expects_continue) {
                return false; /* the client waits for our word before it sends it */
        }
        return announced_length(request) <= BODY_DISCARDED_MAX && guard_framing_sound(&request->facts);
}

bool request_take_body(struct request *request, const char *data, size_t size)
{
        request->body_length += size;
        if (request->body_length > REQUEST_BODY_MAX) {
                request->body_too_large = true;
                return request->body_length <= BODY_DISCARDED_MAX;
        }
        if (!request->body) {
                /* Not of lib/secret: strangers could use up the memory that can be locked. The heap is wiped
                 * as well (daemon/wiping_heap). */
                request->body = calloc(1, REQUEST_BODY_MAX + 1);
                if (!request->body) {
                        return false;
                }
        }
        memcpy(request->body + request->body_length - size, data, size);
        return true;
}

void request_answer(struct request *request, unsigned status, struct MHD_Response *response)
{
        assert(request->status == 0);
        request->status = status;
        request->response = response;
        request->response_shared = false;
}

void request_answer_shared(struct request *request, unsigned status, struct MHD_Response *response)
{
        request_answer(request, status, response);
        request->response_shared = true;
}

enum MHD_Result request_queue(struct request *request, struct MHD_Connection *mhd, bool last)
{
        if (!request->response) {
                return MHD_NO;
        }
        if (last) {
                /* As if the client had asked for it: the response may be shared. */
                (void)MHD_set_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONNECTION, "close");
        }
        enum MHD_Result result = MHD_queue_response(mhd, request->status, request->response);
        if (!request->response_shared) {
                MHD_destroy_response(request->response); /* libmicrohttpd keeps its own reference */
        }
        request->response = NULL;
        return result;
}

void request_clear(struct request *request)
{
        const struct request_flow *flow = take_ptr(request->flow);

        if (flow) {
                flow->end(request);
        }
        free(request->long_target);
        request->long_target = NULL;
        request->phase = REQUEST_WHOLE;
        free(request->body);
        request->body = NULL;
        waiter_cancel(&request->waiter);
        /* Not the whole: the target is long, and only what was written must be taken back. */
        request->target[0] = '\0';
        request->target_too_long = false;
        request->facts = (struct guard_facts){ 0 };
        request->body_length = 0;
        request->body_too_large = false;
        request->cut_short = false;
        request->as_upstream = false;
        request->as_before = false;
        request->counted = false;
        request->waits_for_another = false;
        request_forget_environment(request);
        request->wait_until_usec = 0;
        request->place_until_usec = 0;
        request->question = question_free(request->question);
        request->patience_usec = 0;
        request->status = 0;
        if (request->response && !request->response_shared) {
                MHD_destroy_response(request->response); /* its client is gone before it could be queued */
        }
        request->response = NULL;
}

void request_forget_environment(struct request *request)
{
        request->match.route = NULL;
        request->environment = NULL;
        request->carried = (struct carried_key){ .kind = CARRIED_NOTHING };
        request->cut_short = false;
}
