/* One request on its way: libcurl's callbacks, and the events that make it go on.
 *
 * libcurl pulls the body when it has room for it: each piece goes from the lane's socket into its buffer,
 * and a lane that nobody reads is the back-pressure. It pushes the answer: each piece goes into the lane,
 * and if that is full, libcurl keeps the piece and reads no more.
 *
 * From within libcurl's callbacks nothing is started or removed: they leave marks, and
 * carried_request_settle() and on_done() act on them. */
#include "daemon/forwarder/carried_request.h"

#include "daemon/forwarder/request_failure.h"
#include "daemon/forwarder/tls_rest.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#define EXPECT_MSEC      1000L /* for an upstream that does not know of Expect */
#define AGE_MAX_SEC      50L   /* of a connection without a request, for one that can be repeated */
#define AGE_MAX_ONCE_SEC 4L    /* for one that cannot: below any server's */
#define HEAD_BUFFER      16384L /* libcurl's least; its own is of 64 KiB, which are wiped after each request */
#define UPLOAD_BUFFER    50176L /* the same where a body streams */
#define HTTP_EXPECTATION 417

static_assert(UPLOAD_BUFFER >= 3 * LANE_DATA_MAX + 64, "three packets and what is around a chunk fit");

/* ---- marks ---- */

static void note_failure(struct carried_request *request, enum lane_fail fail, const char *why)
{
        if (!request->failed) {
                request->failed = true;
                request->fail = fail;
                request->why = why;
        }
}

static void note_broken(struct carried_request *request)
{
        request->broken = true;
        note_failure(request, LANE_FAIL_INTERNAL, "the frontend sent nonsense");
}

static void tell_want(struct carried_request *request)
{
        request->handlers.on_want(request->handlers.userdata);
}

/* ---- the body, upwards ---- */

/* libcurl: more of the body. */
static size_t on_pull(char *buffer, size_t size, size_t n, void *userdata)
{
        struct carried_request *request = userdata;
        struct request_body *body = &request->body;

        request->n_quiet = 0;
        if (request->failed) {
                return CURL_READFUNC_ABORT;
        }
        if (body->dropped) {
                return CURL_READFUNC_PAUSE; /* the end of the answer is the end of it all */
        }
        if (!body->pulled && request_form_packet(request->form)->expect) {
                lane_answer_continue(&request->out);
        }
        body->pulled = request->sent = true;
        ssize_t length = request_body_receive(body, request->end, request->out.number, buffer, size * n);
        if (length == -EAGAIN) {
                body->awaited = true;
                tell_want(request);
                return CURL_READFUNC_PAUSE;
        }
        if (length == -ECANCELED) {
                note_failure(request, LANE_FAIL_ABORTED, NULL);
                return CURL_READFUNC_ABORT;
        }
        if (length == -ENOMEM) {
                note_failure(request, LANE_FAIL_INTERNAL, "out of memory");
                return CURL_READFUNC_ABORT;
        }
        if (length < 0) {
                note_broken(request);
                return CURL_READFUNC_ABORT;
        }
        if (body->taken) {
                tell_want(request);
        }
        return (size_t)length;
}

/* libcurl: from the start of the body again. */
static int on_seek(void *userdata, curl_off_t offset, int origin)
{
        return CURL_SEEKFUNC_FAIL;
}

static bool is_kept(CURL *easy)
{
        long n_new = 1;

        return curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &n_new) == CURLE_OK && n_new == 0;
}

/* libcurl: the connection stands, and now the request is sent. */
static int on_sending(void *userdata, char *address, char *own_address, int port, int own_port)
{
        struct carried_request *request = userdata;
        const struct lane_request *packet = request_form_packet(request->form);
        bool may_repeat = packet->whole && request_form_is_idempotent(request->form);

        request->n_quiet = 0;
        request->upstream->reached = true;
        if (request->n_attempts == 0 && is_kept(request->easy) &&
            (curl_loop_has_news(request->loop, own_port) || tls_rest_is_there(request->easy))) {
                request->again = true;
                return CURL_PREREQFUNC_ABORT;
        }
        if (++request->n_attempts > (may_repeat ? 2 : 1)) {
                note_failure(request, LANE_FAIL_LOST, "its connection ended before there was an answer");
                return CURL_PREREQFUNC_ABORT;
        }
        request->sent = request->sent || !request->expect;
        return CURL_PREREQFUNC_OK;
}

/* ---- the answer, downwards ---- */

/* The head is whole. False: the transfer is to be ended. */
static bool respond(struct carried_request *request)
{
        const struct upstream_answer *answer = &request->answer;
        bool early = request->body.streams && !request->body.taken;
        struct lane_response response;

        if (answer->status == HTTP_EXPECTATION && request->expect && !request->body.pulled) {
                request->again = true;
                request->expect = false;
                return false;
        }
        if (early || answer->odd) {
                (void)curl_easy_setopt(request->easy, CURLOPT_FORBID_REUSE, 1L);
        }
        if (early && (answer->status >= 300 || (request->expect && !request->body.pulled))) {
                request->body.dropped = true;
                /* The body is not to be asked for any more. */
                (void)curl_easy_setopt(request->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 24L * 3600 * 1000);
        }
        lane_packet_init(&response, sizeof(response), LANE_RESPONSE, request->out.number);
        response.status = answer->status;
        response.drop_body = request->body.dropped;
        response.until_close = upstream_answer_until_close(answer, request->to_head);
        response.content_length = answer->content_length;
        response.headers_length = (uint32_t)answer->length;
        lane_answer_respond(&request->out, &response, answer->lines);
        return true;
}

/* libcurl: a line of the head. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
        struct carried_request *request = userdata;
        const char *why;

        if (request->failed) {
                return 0;
        }
        int r = upstream_answer_take(&request->answer, line, size * n, &why);
        if (r < 0) {
                note_failure(request, r == -EBADMSG ? LANE_FAIL_MALFORMED : LANE_FAIL_INTERNAL,
                             r == -EBADMSG ? why : "out of memory");
                return 0;
        }
        if (request->answer.whole) { /* until then it is awaited, whatever comes before it */
                request->n_quiet = 0;
        }
        return r == 0 || respond(request) ? size * n : 0;
}

/* libcurl: a piece of the answer's body. */
static size_t on_push(char *bytes, size_t size, size_t n, void *userdata)
{
        struct carried_request *request = userdata;
        size_t length = size * n;

        if (request->failed || length > LANE_DATA_MAX) {
                return 0;
        }
        /* The bytes behind it are libcurl's business. */
        bool last = request->answer.content_length >= 0 &&
                    request->received + (int64_t)length == request->answer.content_length &&
                    (!request->body.streams || request->body.taken || request->body.dropped);
        if (!lane_answer_data(&request->out, bytes, length, last)) {
                request->held_back = true;
                tell_want(request);
                return CURL_WRITEFUNC_PAUSE;
        }
        request->received += (int64_t)length;
        request->n_quiet = 0;
        return length;
}

/* ---- the transfer ---- */

/* It failed, by our marks or for what libcurl says. */
static void tell_failure(struct carried_request *request, CURLcode result)
{
        bool connected = request->n_attempts > 0;
        enum lane_fail fail =
                request->failed ? request->fail : request_failure_of(result, connected, request->error_text);
        const char *own = request->failed ? (request->why ? request->why : "") : NULL;
        char why[LANE_WHY_MAX];

        request_failure_explain(request->form, request->easy, result, own, request->error_text, why,
                                sizeof(why));
        lane_answer_fail(&request->out, fail, request->sent, why);
        if (!connected && !request->failed && fail == LANE_FAIL_UNREACHABLE) {
                request->handlers.on_stale(request->upstream, request->handlers.userdata);
        }
}

static void give_back(struct carried_request *request)
{
        request->ended = request->body.dropped = true;
        request->body.awaited = request->held_back = false;
        request->handlers.on_transfer_over(request, request->handlers.userdata);
}

static void on_done(CURLcode result, void *userdata)
{
        struct carried_request *request = userdata;

        if (request->again && !request->failed && request->upstream->overtaken) {
                note_failure(request, LANE_FAIL_UNREACHABLE,
                             "its certificate authorities were replaced meanwhile");
        }
        if (request->again && !request->failed) {
                if (carried_request_start(request, request->easy) == 0) {
                        curl_loop_hurry(request->loop);
                        return;
                }
                note_failure(request, LANE_FAIL_INTERNAL, "out of memory");
        }
        if (result == CURLE_OK && request->answer.whole && !request->failed) {
                lane_answer_last(&request->out);
        } else if (!request->out.over) {
                tell_failure(request, result);
        }
        give_back(request);
}

static bool set_up(struct carried_request *request, CURL *easy)
{
        const struct lane_request *packet = request_form_packet(request->form);
        bool may_repeat = packet->whole && request_form_is_idempotent(request->form);

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        return upstream_set_up(request->upstream, easy) &&
               request_form_set_up(request->form, easy, request->expect) &&
               SET(CURLOPT_MAXAGE_CONN, may_repeat ? AGE_MAX_SEC : AGE_MAX_ONCE_SEC) &&
               SET(CURLOPT_ERRORBUFFER, request->error_text) && SET(CURLOPT_PREREQFUNCTION, on_sending) &&
               SET(CURLOPT_PREREQDATA, request) && SET(CURLOPT_HEADERFUNCTION, on_header) &&
               SET(CURLOPT_HEADERDATA, request) && SET(CURLOPT_WRITEFUNCTION, on_push) &&
               SET(CURLOPT_WRITEDATA, request) &&
               SET(CURLOPT_UPLOAD_BUFFERSIZE, request->body.streams ? UPLOAD_BUFFER : HEAD_BUFFER) &&
               (!request->body.streams ||
                (SET(CURLOPT_READFUNCTION, on_pull) && SET(CURLOPT_READDATA, request) &&
                 SET(CURLOPT_SEEKFUNCTION, on_seek) && SET(CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_MSEC)));
#undef SET
}

int carried_request_start(struct carried_request *request, CURL *easy)
{
        if (request->easy) {
                curl_easy_reset(easy); /* a second time */
        }
        bool again = request->again;

        request->again = false;
        upstream_answer_clear(&request->answer);
        request->n_attempts = request->n_quiet = 0;
        request->error_text[0] = '\0';
        request->easy = easy;
        if (!set_up(request, easy) ||
            curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, again ? 1L : 0L) != CURLE_OK) {
                return -ENOMEM;
        }
        return curl_loop_add(request->loop, easy, on_done, request);
}

/* libcurl stops both directions together, and lets both go on: it is told of both each time. */
static void resume(struct carried_request *request)
{
        int paused =
                (request->body.awaited ? CURLPAUSE_SEND : 0) | (request->held_back ? CURLPAUSE_RECV : 0);

        if (curl_easy_pause(request->easy, paused) != CURLE_OK) {
                carried_request_fail(request, request->failed ? request->fail : LANE_FAIL_INTERNAL,
                                     request->why);
                return;
        }
        curl_loop_hurry(request->loop); /* the request may be over then, and gone */
}

void carried_request_go_on(struct carried_request *request)
{
        bool room = lane_answer_flush(&request->out);

        if (request->easy && (request->body.awaited || (request->held_back && room))) {
                request->body.awaited = false;
                request->held_back = request->held_back && !room;
                resume(request);
        }
}

bool carried_request_settle(struct carried_request *request)
{
        (void)lane_answer_flush(&request->out);
        if (request->out.over && request->easy) {
                /* Either the frontend is gone, or it has the whole answer to what the upstream did not take
                 * whole. */
                curl_loop_remove(request->loop, request->easy);
                give_back(request);
        }
        return request->out.over;
}

void carried_request_fail(struct carried_request *request, enum lane_fail fail, const char *why)
{
        ring_remove(&request->place); /* it may have to stay until its failure can be sent */
        note_failure(request, fail, why);
        lane_answer_fail(&request->out, request->fail, request->sent, request->why);
        (void)lane_answer_flush(&request->out);
        request->ended = true;
        if (request->easy) {
                curl_loop_remove(request->loop, request->easy);
                give_back(request);
        }
}

/* ---- the lane ---- */

bool carried_request_reads_lane(const struct carried_request *request)
{
        return request_body_has_lane(&request->body) && !request->failed;
}

uint32_t carried_request_wants(const struct carried_request *request)
{
        bool readable = !carried_request_reads_lane(request) || request->body.awaited;
        bool room = lane_answer_waits(&request->out) || request->held_back;

        return (readable ? EPOLLIN : 0u) | (room ? EPOLLOUT : 0u);
}

bool carried_request_take(struct carried_request *request, const struct lane_packet *packet)
{
        return request->failed || request_body_late(&request->body, packet);
}

/* ---- life ---- */

int carried_request_new(struct carried_request **ret, const struct lane_end *end,
                        const struct lane_request *packet, size_t length, struct upstream *upstream,
                        struct curl_loop *loop, const struct carried_handlers *handlers)
{
        struct carried_request *request = calloc(1, sizeof(*request));

        if (!request) {
                return -ENOMEM;
        }
        int r = request_form_new(&request->form, packet, length, upstream->path);
        if (r < 0) {
                free(request);
                return r;
        }
        lane_answer_init(&request->out, end, packet->head.number);
        request->upstream = upstream_ref(upstream);
        request->loop = loop;
        request->end = end;
        request->handlers = *handlers;
        request_body_init(&request->body, packet);
        request->to_head = streq(packet->method, "HEAD");
        request->expect = packet->expect;
        *ret = request;
        return 0;
}

struct carried_request *carried_request_free(struct carried_request *request)
{
        if (request) {
                if (request->easy) {
                        curl_loop_remove(request->loop, request->easy);
                        give_back(request);
                }
                ring_remove(&request->place);
                request_form_free(request->form);
                request_body_clear(&request->body);
                upstream_answer_clear(&request->answer);
                lane_answer_clear(&request->out);
                (void)upstream_unref(request->upstream);
                free(request);
        }
        return NULL;
}
