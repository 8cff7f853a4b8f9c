/* One HTTPS request that exchanges an access key for a session token.
 *
 * Everything that the upstream sends is bounded here (head and body) and judged in lib/token_exchange. The
 * body is gathered in secret memory, as a good one holds a token. */
#include "daemon/keeper/exchange.h"

#include "daemon/base/clock.h"
#include "daemon/keeper/trust.h"
#include "lib/hide_login.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define HEAD_MAX      65536                 /* bytes of all header lines together */
#define BODY_KEPT_MAX (TOKEN_REPLY_MAX + 1) /* so that one which is too large is seen to be */

struct exchange {
        struct curl_loop *loop;
        CURL *easy;
        struct curl_slist *headers;
        exchange_done_fn done;
        void *userdata;
        struct access_key *key; /* a copy: an echo of it in an answer must be hidden */
        bool has_ca_file;

        char request_body[128];
        char error_text[CURL_ERROR_SIZE];
        char *body; /* secret memory, BODY_KEPT_MAX */
        size_t body_length;
        size_t head_length;
        bool cut_off; /* by us: there is more of it than we want to know */
        bool has_retry_after;
        char retry_after[64];
        char content_type[64];
        char header_names[ANSWER_HEADER_NAMES_MAX];
};

/* Copies what is printable of a header's value, cut to fit. */
static void copy_printable(char *to, size_t size, const char *from, size_t length)
{
        size_t n = 0;
        for (size_t i = 0; i < length && n + 1 < size; i++) {
                unsigned char c = (unsigned char)from[i];
                to[n++] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
        }
        to[n] = '\0';
}

static void note_header_name(struct exchange *exchange, const char *name, size_t length)
{
        size_t used = strlen(exchange->header_names);
        size_t room = sizeof(exchange->header_names) - used;

        if (length == 0 || length > 64 || length + 3 > room) {
                return;
        }
        if (used > 0) {
                memcpy(exchange->header_names + used, ", ", 2);
                used += 2;
                room -= 2;
        }
        copy_printable(exchange->header_names + used, room, name, length);
        for (char *c = exchange->header_names + used; *c; c++) {
                *c = (char)tolower((unsigned char)*c);
        }
}

static void note_header(struct exchange *exchange, const char *line, size_t length)
{
        const char *colon = memchr(line, ':', length);

        if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                /* A new head: what a proxy or an interim answer said does not count. */
                exchange->has_retry_after = false;
                exchange->content_type[0] = exchange->header_names[0] = '\0';
                return;
        }
        if (!colon) {
                return;
        }
        size_t name_length = (size_t)(colon - line);
        const char *value = colon + 1, *end = line + length;
        while (value < end && (*value == ' ' || *value == '\t')) {
                value++;
        }
        while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t')) {
                end--;
        }
        note_header_name(exchange, line, name_length);
        if (name_length == 11 && strncasecmp(line, "Retry-After", 11) == 0) {
                exchange->has_retry_after = true;
                copy_printable(exchange->retry_after, sizeof(exchange->retry_after), value,
                               (size_t)(end - value));
        } else if (name_length == 12 && strncasecmp(line, "Content-Type", 12) == 0) {
                copy_printable(exchange->content_type, sizeof(exchange->content_type), value,
                               (size_t)(end - value));
        }
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
        struct exchange *exchange = userdata;
        size_t length = size * n;

        exchange->head_length += length;
        if (exchange->head_length > HEAD_MAX) {
                exchange->cut_off = true;
                return 0;
        }
        note_header(exchange, data, length);
        return length;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
        struct exchange *exchange = userdata;
        size_t length = size * n;
        size_t kept = MIN_OF(length, BODY_KEPT_MAX - exchange->body_length);

        memcpy(exchange->body + exchange->body_length, data, kept);
        exchange->body_length += kept;
        exchange->cut_off = exchange->body_length == BODY_KEPT_MAX;
        return exchange->cut_off ? 0 : length;
}

/* The transfer itself failed: in words, with what an administrator can do where we know it. */
static void explain_failure(const struct exchange *exchange, CURLcode result, char *why, size_t size)
{
        char detail[CURL_ERROR_SIZE], cure[96];

        (void)snprintf(detail, sizeof(detail), "%s",
                       exchange->error_text[0] ? exchange->error_text : curl_easy_strerror(result));
        hide_login(detail); /* of a proxy */
        switch (result) {
        case CURLE_COULDNT_RESOLVE_HOST:
                (void)snprintf(cure, sizeof(cure), " (check DNS and base_url)");
                break;
        case CURLE_COULDNT_RESOLVE_PROXY:
                (void)snprintf(cure, sizeof(cure), " (check https_proxy and its like, and DNS)");
                break;
        default:
                trust_cure(exchange->easy, exchange->has_ca_file, result, detail, cure, sizeof(cure));
                break;
        }
        char printable[160];
        copy_printable(printable, sizeof(printable), detail, strlen(detail));
        (void)snprintf(why, size, "%s%s", printable, cure);
}

/* Whether the answer is whole or was cut off: what the status says holds either way. */
static void judge_answer(struct exchange *exchange, struct exchange_report *report, struct grant *grant)
{
        const char *why = "";
        const struct exchange_answer answer = {
                .status = report->status,
                .retry_after = exchange->has_retry_after ? exchange->retry_after : NULL,
                .body = exchange->body,
                .body_length = exchange->body_length,
        };

        report->outcome =
                token_exchange_classify(&answer, clock_wall_sec(), grant, &report->retry_after_sec, &why);
        if (report->outcome == EXCHANGE_GRANTED) {
                report->grant = grant;
                return;
        }
        if (exchange->head_length > HEAD_MAX && report->outcome == EXCHANGE_MALFORMED) {
                why = "the head is over 64 KiB long";
        }
        const char *hidden[] = { exchange->key->secret, exchange->key->id };
        token_exchange_excerpt(exchange->body, exchange->body_length, hidden, ARRAY_SIZE(hidden),
                               &report->excerpt);
        (void)snprintf(report->why, sizeof(report->why), "HTTP %ld%s%s", report->status, *why ? ": " : "",
                       why);
        memcpy(report->content_type, exchange->content_type, sizeof(report->content_type));
        memcpy(report->header_names, exchange->header_names, sizeof(report->header_names));
}

static void on_done(CURLcode result, void *userdata)
{
        struct exchange *exchange = userdata;
        struct exchange_report report = { .outcome = EXCHANGE_UNAVAILABLE,
                                          .retry_after_sec = RETRY_AFTER_NONE };
        report.excerpt.code = INT64_MIN;
        struct grant *grant = secret_alloc(sizeof(*grant));

        if (!grant) {
                (void)snprintf(report.why, sizeof(report.why), "out of memory");
        } else if (result != CURLE_OK && !exchange->cut_off) {
                explain_failure(exchange, result, report.why, sizeof(report.why));
        } else {
                (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &report.status);
                judge_answer(exchange, &report, grant);
        }
        exchange->done(&report, exchange->userdata); /* may free the exchange */
        (void)secret_free(grant);
}

static bool set_up(struct exchange *exchange, const struct environment_settings *environment,
                   const char *url)
{
        CURL *easy = exchange->easy;
#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        /* libcurl's resolver is a thread, and ending a transfer waits for it: with a silent name server, the
         * whole daemon would stand still. With QUICK_EXIT, libcurl lets the thread end by itself. */
        return SET(CURLOPT_URL, url) && SET(CURLOPT_PROTOCOLS_STR, "https") &&
               SET(CURLOPT_FOLLOWLOCATION, 0L) && trust_set_up(easy, environment->ca_file) &&
               SET(CURLOPT_FORBID_REUSE, 1L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
               SET(CURLOPT_NOSIGNAL, 1L) &&
               SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(environment->connect_timeout_usec / USEC_PER_MSEC)) &&
               SET(CURLOPT_TIMEOUT_MS, (long)(environment->exchange_timeout_usec / USEC_PER_MSEC)) &&
               SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC) && SET(CURLOPT_USERNAME, exchange->key->id) &&
               SET(CURLOPT_PASSWORD, exchange->key->secret) &&
               SET(CURLOPT_USERAGENT, "eqp-broker/" EQP_BROKER_VERSION) &&
               SET(CURLOPT_HTTPHEADER, exchange->headers) &&
               SET(CURLOPT_POSTFIELDS, exchange->request_body) && SET(CURLOPT_QUICK_EXIT, 1L) &&
               SET(CURLOPT_ERRORBUFFER, exchange->error_text) && SET(CURLOPT_HEADERFUNCTION, on_header) &&
               SET(CURLOPT_HEADERDATA, exchange) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
               SET(CURLOPT_WRITEDATA, exchange);
#undef SET
}

static void free_exchange(struct exchange **exchange)
{
        *exchange = exchange_free(*exchange);
}

int exchange_start(struct exchange **ret, struct curl_loop *loop,
                   const struct environment_settings *environment, const struct access_key *key,
                   exchange_done_fn done, void *userdata)
{
        _cleanup_(free_exchange) struct exchange *exchange = calloc(1, sizeof(*exchange));
        _cleanup_free_ char *url = NULL;

        if (!exchange) {
                return -ENOMEM;
        }
        exchange->loop = loop;
        exchange->done = done;
        exchange->userdata = userdata;
        exchange->has_ca_file = environment->ca_file != NULL;
        exchange->key = access_key_copy(key);
        exchange->easy = curl_easy_init();
        exchange->headers = curl_slist_append(NULL, "Content-Type: application/json");
        exchange->body = secret_alloc(BODY_KEPT_MAX);
        if (!exchange->key || !exchange->easy || !exchange->headers || !exchange->body ||
            !curl_slist_append(exchange->headers, "Accept: application/json") ||
            !curl_slist_append(exchange->headers, "Expect:") ||
            asprintf(&url, "%s" TOKEN_REQUEST_PATH, environment->base_url) < 0) {
                return -ENOMEM;
        }
        int r = token_exchange_request_body(environment->lifetime_sec, exchange->request_body,
                                            sizeof(exchange->request_body));
        if (r < 0) {
                return r;
        }
        if (!set_up(exchange, environment, url)) {
                return -ENOMEM;
        }
        r = curl_loop_add(loop, exchange->easy, on_done, exchange);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(exchange);
        return 0;
}

struct exchange *exchange_free(struct exchange *exchange)
{
        if (exchange) {
                curl_loop_remove(exchange->loop, exchange->easy);
                curl_easy_cleanup(exchange->easy);
                curl_slist_free_all(exchange->headers);
                (void)access_key_free(exchange->key);
                (void)secret_free(exchange->body);
                free(exchange);
        }
        return NULL;
}
