/* resources: what a session token opens. Just enough for a client or a gateway to prove that the token it
 * carries is right and that bodies arrive whole. */
#include <errno.h>
#include <stdio.h>

#include "lib/util.h"
#include "simulator/api.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/request.h"
#include "simulator/resources.h"

#define USERS_PATH         "/users/"
#define UPLOADS_PATH       "/files/uploads"
#define ACCOUNT_FIELDS_MAX 100

static int not_allowed(const char *allow, struct answer **ret)
{
        _cleanup_(answer_freep) struct answer *answer = NULL;
        int r;

        r = answer_new_error(&answer, 405, API_CODE_METHOD, "This method is not allowed here");
        if (r < 0) {
                return r;
        }
        answer->allow = strdup(allow);
        if (!answer->allow) {
                return -ENOMEM;
        }

        *ret = take_ptr(answer);
        return 0;
}

static bool is_read(const struct request *request)
{
        return streq(request->method, "GET") || streq(request->method, "HEAD");
}

/* ---- account ---- */

static bool is_simple(struct json_object *value)
{
        return !json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array);
}

/* Merges the fields, all of them or, with false, none. */
static bool account_merge(struct json_object *account, struct json_object *changes)
{
        if (!json_object_is_type(changes, json_type_object) ||
            json_object_object_get_ex(changes, "mage_id", NULL) ||
            json_object_object_length(account) + json_object_object_length(changes) > ACCOUNT_FIELDS_MAX) {
                return false;
        }

        json_object_object_foreach (changes, name, value) {
                (void)name;
                if (!is_simple(value)) {
                        return false;
                }
        }
        json_object_object_foreach (changes, field, content) {
                if (json_object_object_add(account, field, json_object_get(content)) < 0) {
                        return false;
                }
        }
        return true;
}

/* A copy, since faults write into answers. */
static int show_account(const struct environment *environment, struct answer **ret)
{
        struct json_object *copy = NULL;

        if (json_object_deep_copy(environment->account, &copy, NULL) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, copy);
}

static int account_put(struct environment *environment, const struct request *request, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *changes = NULL;
        int r;

        if (request_body_is_over(request)) {
                return answer_new_error(ret, 413, API_CODE_TOO_LARGE, "The body is longer than 64 KiB");
        }
        r = request->body ? json_read(request->body, request->body_size, &changes) : -EBADMSG;
        if (r == -ENOMEM) {
                return r;
        }
        if (r < 0 || !account_merge(environment->account, changes)) {
                return answer_new_error(ret, 400, API_CODE_BAD_REQUEST,
                                        "The body must be a JSON object of simple fields, without mage_id");
        }
        return show_account(environment, ret);
}

static int answer_account(struct environment *environment, const struct request *request,
                          const char *mage_id, struct answer **ret)
{
        if (!streq(mage_id, environment->mage_id)) {
                return answer_new_error(ret, 404, API_CODE_NOT_FOUND, "There is no such user");
        }
        if (is_read(request)) {
                return show_account(environment, ret);
        }
        if (streq(request->method, "PUT")) {
                return account_put(environment, request, ret);
        }
        return not_allowed("GET, HEAD, PUT", ret);
}

/* ---- uploads ---- */

static int show_upload(const struct upload *upload, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();

        if (json_add_text(object, "file_upload_id", upload->id) < 0 ||
            json_add_number(object, "size", upload->size) < 0 ||
            json_add_text(object, "sha256", upload->sha256) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}

static int answer_uploads(struct environment *environment, const struct request *request,
                          struct answer **ret)
{
        char digest[DIGEST_TEXT_SIZE];
        const struct upload *upload;
        int r;

        if (!streq(request->method, "POST")) {
                return not_allowed("POST", ret);
        }
        r = digest_finish(request->body_digest, digest);
        if (r < 0) {
                return r;
        }
        r = uploads_add(&environment->uploads, request->body_bytes, digest, &upload);
        return r < 0 ? r : show_upload(upload, ret);
}

static int answer_upload(struct environment *environment, const struct request *request, const char *id,
                         struct answer **ret)
{
        struct upload *upload = uploads_find(&environment->uploads, id);

        if (!upload) {
                return answer_new_error(ret, 404, API_CODE_NOT_FOUND, "There is no such upload");
        }
        if (is_read(request)) {
                return show_upload(upload, ret);
        }
        if (!streq(request->method, "DELETE")) {
                return not_allowed("GET, HEAD, DELETE", ret);
        }

        uploads_remove(&environment->uploads, upload);
        return answer_new_text(ret, 204, NULL, NULL);
}

/* ---- echo ---- */

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

        (void)kind, (void)name_size;
        sink->result = add_header(sink->headers, name, value ? value : "", value ? value_size : 0);
        return sink->result < 0 ? MHD_NO : MHD_YES;
}

static int answer_echo(const struct request *request, struct answer **ret)
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

/* ---- all of it ---- */

static bool is_authorised(const struct environment *environment, const struct request *request)
{
        const char *value;
        size_t size;

        value = request_header(request, "Authorization", &size);
        if (!value || size <= 7 || strncasecmp(value, "Bearer ", 7) != 0) {
                return false;
        }
        return tokens_is_active(environment->tokens, value + 7, size - 7, moment_boottime_usec());
}

int resources_answer(struct environment *environment, const struct request *request, const char *path,
                     struct answer **ret)
{
        size_t users = strlen(USERS_PATH), uploads = strlen(UPLOADS_PATH);

        if (!is_authorised(environment, request)) {
                return answer_new_error(ret, 401, API_CODE_TOKEN_REFUSED,
                                        "The session token is missing or not valid");
        }

        if (strncmp(path, USERS_PATH, users) == 0 && path[users] && !strchr(path + users, '/')) {
                return answer_account(environment, request, path + users, ret);
        }
        if (streq(path, UPLOADS_PATH)) {
                return answer_uploads(environment, request, ret);
        }
        if (strncmp(path, UPLOADS_PATH "/", uploads + 1) == 0 && path[uploads + 1] &&
            !strchr(path + uploads + 1, '/')) {
                return answer_upload(environment, request, path + uploads + 1, ret);
        }
        return answer_echo(request, ret);
}
