/* echo: answers with the request, so that it can be seen what has arrived of it. */
#include "simulator/portal/echo.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/request.h"

#include <errno.h>
#include <stdio.h>

/* The name in lower case, the value as sent; Authorization as a digest; repeated fields joined by a comma.
 */
static int add_header(struct json_object *headers, const char *name, const char *value, size_t size)
{
        _cleanup_free_ char *key = strdup(name), *joined = NULL;
        char digest[DIGEST_TEXT_SIZE];
        struct json_object *before;
        int n;

        if (!key) {
                return -ENOMEM;
        }
        for (char *c = key; *c; c++) {
                if (*c >= 'A' && *c <= 'Z') {
                        *c = (char)(*c - 'A' + 'a');
                }
        }

        if (streq(key, "authorization") || streq(key, "proxy-authorization")) {
                if (digest_text(value, size, digest) < 0) {
                        return -EIO;
                }
                n = asprintf(&joined, "sha256:%s", digest);
        } else if (json_object_object_get_ex(headers, key, &before)) {
                n = asprintf(&joined, "%s, %.*s", json_object_get_string(before), (int)size, value);
        } else {
                n = asprintf(&joined, "%.*s", (int)size, value);
        }
        if (n < 0) {
                joined = NULL;
                return -ENOMEM;
        }
        return json_add(headers, key, json_from_bytes(joined, (size_t)n));
}

struct header_sink {
        struct json_object *headers;
        int result;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                 const char *value, size_t value_size)
{
        struct header_sink *sink = cls;

        sink->result = add_header(sink->headers, name, value ? value : "", value ? value_size : 0);
        return sink->result < 0 ? MHD_NO : MHD_YES;
}

int echo_answer(const struct request *request, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *echo = json_object_new_object();
        struct header_sink sink = { .headers = json_object_new_object() };
        char digest[DIGEST_TEXT_SIZE];
        int r;

        if (json_add(echo, "headers", sink.headers) < 0) {
                return -ENOMEM;
        }
        (void)MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, on_header, &sink);
        if (sink.result < 0) {
                return sink.result;
        }
        r = digest_finish(request->body_digest, digest);
        if (r < 0) {
                return r;
        }
        if (json_add_text(echo, "method", request->method) < 0 ||
            json_add_text(echo, "path", request->path) < 0 ||
            json_add_text(echo, "query", request->query) < 0 ||
            json_add_number(echo, "body_bytes", request->body_bytes) < 0 ||
            json_add_text(echo, "body_sha256", digest) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(echo));
}
