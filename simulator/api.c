/* api: the EQP API of one environment.
 *
 * Order matters: first what the right answer would be, then whether a fault takes its place or bends it,
 * then the record. A fault that stands in for the answer keeps the right one from being worked out, so no
 * token is issued behind it. */
#include "simulator/api.h"

#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/environment.h"
#include "simulator/json_text.h"
#include "simulator/misbehave.h"
#include "simulator/moment.h"
#include "simulator/portal/callbacks.h"
#include "simulator/portal/portal.h"
#include "simulator/portal/upload_sink.h"
#include "simulator/request.h"
#include "simulator/token_endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define API_ROOT   "/rest/v1"
#define TOKEN_PATH "/rest/v1/app/session/token"

static void count_outcome(struct environment_counters *counters, const struct answer *answer)
{
        if (answer->delivery != DELIVERY_WHOLE && answer->delivery != DELIVERY_DRIP) {
                counters->failed++;
        } else if (answer->status == 401 || answer->status == 403) {
                counters->refused++;
        } else if (answer->status == 429) {
                counters->throttled++;
        } else if (answer->status >= 500) {
                counters->failed++;
        }
}

static int describe_authorization(struct json_object *entry, const struct request *request)
{
        char digest[DIGEST_TEXT_SIZE];
        const char *value;
        size_t size;
        int r;

        value = request_header(request, "Authorization", &size);
        if (!value) {
                return json_add_text(entry, "authorization_sha256", NULL);
        }
        r = digest_text(value, size, digest);
        if (r < 0) {
                return r;
        }
        return json_add_text(entry, "authorization_sha256", digest);
}

static int record(struct environment *environment, const struct request *request,
                  const struct answer *answer, const char *key_id, const char *fault)
{
        _cleanup_(json_putp) struct json_object *entry = json_object_new_object();
        char at[MOMENT_TEXT_SIZE];
        bool answered = answer->delivery != DELIVERY_HANG && answer->delivery != DELIVERY_RESET &&
                        answer->delivery != DELIVERY_CLOSE && answer->delivery != DELIVERY_GARBAGE;

        moment_format(moment_wall_usec(), at);
        if (json_add_text(entry, "at", at) < 0 || json_add_text(entry, "method", request->method) < 0 ||
            json_add_text(entry, "path", request->path) < 0 ||
            json_add_number(entry, "status", answered ? answer->status : 0) < 0 ||
            json_add_number(entry, "body_bytes", request->body_bytes) < 0 ||
            json_add_text(entry, "key_id", key_id) < 0 || describe_authorization(entry, request) < 0 ||
            json_add_text(entry, "user_agent", request_header(request, "User-Agent", NULL)) < 0 ||
            json_add_text(entry, "content_type", request_header(request, "Content-Type", NULL)) < 0 ||
            json_add_text(entry, "retry_after", answered ? answer->retry_after : NULL) < 0 ||
            json_add_text(entry, "fault", fault) < 0) {
                return -ENOMEM;
        }

        history_add(&environment->history, take_ptr(entry));
        return 0;
}

/* The answer with the fault, if any. */
static int answer_token(struct environment *environment, const struct token_request *asked,
                        struct fault *fault, struct answer **ret)
{
        if (fault && fault_stage(fault->kind) == STAGE_INSTEAD) {
                return misbehave_instead(fault, ret);
        }
        if (asked->status != 200) {
                return token_endpoint_refuse(asked, ret);
        }
        return token_endpoint_grant(environment, asked, fault, ret);
}

static int answer_api(struct environment *environment, struct request *request, struct fault *fault,
                      struct answer **ret)
{
        int r;

        if (fault && fault_stage(fault->kind) == STAGE_INSTEAD) {
                return misbehave_instead(fault, ret);
        }
        r = callbacks_add_scans(environment);
        return r < 0 ? r : portal_answer(environment, request, request->path + strlen(API_ROOT), ret);
}

/* Everything below /rest/v1. *ret_key_id, which the caller frees, is the application ID if one was sent, and
 * *ret_fault the name of the fault that acted, each or NULL. */
static int answer_path(struct environment *environment, struct request *request, struct answer **ret,
                       char **ret_key_id, const char **ret_fault)
{
        _cleanup_(token_request_done) struct token_request asked = { 0 };
        _cleanup_(answer_freep) struct answer *answer = NULL;
        bool token_path = streq(request->path, TOKEN_PATH);
        struct fault *fault;
        int r;

        if (token_path) {
                environment->counters.token++;
                r = token_endpoint_check(environment, request, &asked);
                if (r < 0) {
                        return r;
                }
        } else {
                environment->counters.api++;
        }

        if (request->is_cut) {
                *ret_fault = request->fault;
                *ret_key_id = take_ptr(asked.key_id);
                return misbehave_cut(request, ret);
        }
        fault = faults_for_request(&environment->faults,
                                   &(struct fault_request){ .token_path = token_path,
                                                            .granted = token_path && asked.status == 200,
                                                            .key_id = asked.key_id,
                                                            .method = request->method,
                                                            .path = request->path });
        r = token_path ? answer_token(environment, &asked, fault, &answer)
                       : answer_api(environment, request, fault, &answer);
        if (r < 0) {
                return r;
        }
        if (fault && fault_stage(fault->kind) == STAGE_ANSWER) {
                r = misbehave_answer(fault, answer);
                if (r < 0) {
                        return r;
                }
        }

        *ret_fault = fault ? fault_name(fault->kind) : request->fault;
        if (fault) {
                (void)faults_use(&environment->faults, fault);
        }
        *ret_key_id = take_ptr(asked.key_id);
        *ret = take_ptr(answer);
        return 0;
}

static bool is_api_path(const char *path)
{
        size_t root = strlen(API_ROOT);

        return strncmp(path, API_ROOT, root) == 0 && strchr("/", path[root]);
}

static bool asks_first(const struct request *request)
{
        const char *value = request_header(request, "Expect", NULL);

        return value && strcasecmp(value, "100-continue") == 0;
}

/* Which faults act on the body, and whether one is in such a hurry that it does not wait for it. */
static bool begin_faults(struct environment *environment, struct request *request)
{
        const struct fault_request looks = { .token_path = streq(request->path, TOKEN_PATH),
                                             .method = request->method,
                                             .path = request->path };
        struct fault *fault;

        fault = faults_for_body(&environment->faults, &looks);
        if (fault) {
                misbehave_body(fault, request);
                (void)faults_use(&environment->faults, fault);
                return request->is_cut && request->cut_bytes == 0;
        }
        fault = faults_for_request(&environment->faults, &looks);
        return fault && fault_flag(fault, "early");
}

int api_begin(struct request *request, void *userdata)
{
        struct environment *environment = userdata;
        bool is_post = streq(request->method, "POST"), authorised;

        if (!is_api_path(request->path)) {
                return 0;
        }
        if (begin_faults(environment, request)) {
                return 1;
        }
        if (streq(request->path, TOKEN_PATH)) {
                return 0;
        }
        authorised = portal_is_authorised(environment, request);
        if (!authorised && asks_first(request)) {
                return 1; /* a body that nobody wants is not sent */
        }
        return authorised && is_post && portal_takes_files(request->path + strlen(API_ROOT))
                       ? upload_sink_begin(request)
                       : 0;
}

int api_decide(struct request *request, struct answer **ret, void *userdata)
{
        _cleanup_(answer_freep) struct answer *answer = NULL;
        _cleanup_free_ char *key_id = NULL;
        struct environment *environment = userdata;
        const char *fault = NULL;
        int r;

        environment->counters.total++;
        if (is_api_path(request->path)) {
                r = answer_path(environment, request, &answer, &key_id, &fault);
        } else {
                r = answer_new_error(&answer, 404, API_CODE_NOT_FOUND,
                                     "Every path of this API starts with /rest/v1");
        }
        if (r < 0) {
                return r;
        }

        answer->delay_usec += (uint64_t)environment->settings.latency_ms * USEC_PER_MSEC;
        /* While connections themselves are at fault, no client may stay on an old one. */
        if (faults_for_connection(&environment->faults)) {
                answer->close = true;
        }

        count_outcome(&environment->counters, answer);
        r = record(environment, request, answer, key_id, fault);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(answer);
        return 0;
}
