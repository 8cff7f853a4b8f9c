/* portal_call: common parts of handlers: bodies, parameters, pages of lists. */
#include "simulator/portal/portal_call.h"

#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/json_text.h"

#include <errno.h>
#include <stdio.h>

#define LIMIT_DEFAULT 20

bool portal_is(const struct portal_call *call, const char *method)
{
        return streq(call->request->method, method);
}

bool portal_is_read(const struct portal_call *call)
{
        return portal_is(call, "GET") || portal_is(call, "HEAD");
}

int portal_bad_request(struct answer **ret, const char *message)
{
        return answer_new_error(ret, 400, API_CODE_BAD_REQUEST, message);
}

int portal_not_found(struct answer **ret, const char *message)
{
        return answer_new_error(ret, 404, API_CODE_NOT_FOUND, message);
}

int portal_read_body(const struct portal_call *call, struct json_object **ret_body, struct answer **ret)
{
        const struct request *request = call->request;
        int r;

        if (request_body_is_over(request)) {
                return answer_new_error(ret, 413, API_CODE_TOO_LARGE, "The body is longer than 256 KiB");
        }
        r = request->body ? json_read(request->body, request->body_size, ret_body) : -EBADMSG;
        if (r == -EBADMSG) {
                return portal_bad_request(ret, "The body must be JSON");
        }
        return r < 0 ? r : 1;
}

const char *portal_parameter(const struct portal_call *call, const char *name)
{
        return MHD_lookup_connection_value(call->request->mhd, MHD_GET_ARGUMENT_KIND, name);
}

/* A whole number from `min` on. */
static bool read_number(const struct portal_call *call, const char *name, long long min, long long *number)
{
        const char *text = portal_parameter(call, name);
        char *end;

        if (!text) {
                return true;
        }
        errno = 0;
        *number = strtoll(text, &end, 10);
        return errno == 0 && end != text && *end == '\0' && *number >= min;
}

int portal_page(const struct portal_call *call, size_t total, struct portal_page *ret_page,
                struct answer **ret)
{
        long long offset = 0, limit = LIMIT_DEFAULT;
        uint64_t first;

        if (!read_number(call, "offset", 0, &offset) || !read_number(call, "limit", -1, &limit)) {
                return portal_bad_request(ret,
                                          "offset must be a whole number from 0 on, limit one from -1 on");
        }
        first = MIN_OF((uint64_t)offset, (uint64_t)total);
        *ret_page = (struct portal_page){
                .total = total,
                .first = (size_t)first,
                .end = limit < 0 || (uint64_t)limit > total - first ? total : (size_t)first + (size_t)limit,
        };
        return 1;
}

int portal_answer_page(const struct portal_page *page, struct json_object *values, struct answer **ret)
{
        _cleanup_(answer_freep) struct answer *answer = NULL;
        char text[24];
        int r;

        r = answer_new_json(&answer, 200, values);
        if (r < 0) {
                return r;
        }
        (void)snprintf(text, sizeof(text), "%zu", page->total);
        answer->headers = json_object_new_object();
        if (json_add_text(answer->headers, "X-Total-Count", text) < 0) {
                return -ENOMEM;
        }
        *ret = take_ptr(answer);
        return 0;
}

int portal_answer_list(const struct portal_call *call, struct json_object *list, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *all = list, *values = json_object_new_array();
        struct portal_page page = { 0 };
        int r;

        if (!all || !values) {
                return -ENOMEM;
        }
        r = portal_page(call, json_object_array_length(all), &page, ret);
        if (r <= 0) {
                return r;
        }
        for (size_t i = page.first; i < page.end; i++) {
                if (json_append(values, json_object_get(json_object_array_get_idx(all, i))) < 0) {
                        return -ENOMEM;
                }
        }
        return portal_answer_page(&page, take_ptr(values), ret);
}
