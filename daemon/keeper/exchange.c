/* One HTTPS request that exchanges an access key for a session token.
 *
 * Everything that the upstream sends is bounded here (head and body) and judged in lib/token_exchange. The
 * body is gathered in secret memory, as a good one holds a token. */
#include "daemon/keeper/exchange.h"

#include "daemon/base/clock.h"
#include "daemon/keeper/trust.h"
#include "lib/echo.h"
#include "lib/hide_login.h"
#include "lib/redact.h"
#include "lib/retry_after.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define ECHO_GRANTED_MIN 8
#define OWN_WORDS_MIN    4 /* a shorter text may stand in any sentence of ours */

#define HEAD_MAX      65536                 /* bytes of all header lines together */
#define BODY_KEPT_MAX (TOKEN_REPLY_MAX + 1) /* so that one which is too large is seen to be */

struct exchange {
        struct curl_loop *loop;
        CURL *easy;
        struct curl_slist *headers;
        exchange_done_fn done;
        void *userdata;
        struct access_key *keys[EXCHANGE_KEYS_MAX]; /* copies, as echoes must be hidden; the first is sent */
        char *basics[EXCHANGE_KEYS_MAX];            /* the same as they are sent */
        size_t n_keys;
        bool has_ca_file;
        char ca_obstacle[TRUST_OBSTACLE_MAX];

        char request_body[128];
        char error_text[CURL_ERROR_SIZE];
        char *body; /* secret memory, BODY_KEPT_MAX */
        size_t body_length;
        size_t head_length;
        struct answer_head head;
        bool cut_off;   /* by us: there is more of it than we want to know */
        bool connected; /* to the upstream, which is trusted: the request may be sent now */
};

/* Echoes of these must not be shown. Returns how many. */
#define HIDDEN_MAX ((size_t)3 * EXCHANGE_KEYS_MAX)
static size_t list_secrets(const struct exchange *exchange, const char *ret[static HIDDEN_MAX])
{
        for (size_t i = 0; i < exchange->n_keys; i++) {
                ret[3 * i] = exchange->keys[i]->secret;
                ret[3 * i + 1] = exchange->basics[i];
                ret[3 * i + 2] = exchange->keys[i]->id;
        }
        return 3 * exchange->n_keys;
}

/* libcurl 7.88 decodes what nobody has asked for, gzip inside gzip as well, in a loop of its own: of a few
 * kilobytes that may take hours, and nothing need come of it that on_body() could end it at. */
static bool is_coded(const struct exchange *exchange)
{
        return exchange->connected && exchange->head.whole && exchange->head.coded;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
        struct exchange *exchange = userdata;
        size_t length = size * n;
        const char *hidden[HIDDEN_MAX];

        exchange->head_length += length;
        if (exchange->head_length > HEAD_MAX) {
                exchange->cut_off = true;
                return 0;
        }
        answer_head_take(&exchange->head, data, length, hidden, list_secrets(exchange, hidden));
        if (is_coded(exchange)) {
                exchange->cut_off = true;
                return 0;
        }
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

static int on_connected(void *userdata, char *address, char *own_address, int port, int own_port)
{
        struct exchange *exchange = userdata;

        exchange->connected = true;
        return CURL_PREREQFUNC_OK;
}

/* CURLINFO_REQUEST_SIZE alone counts what a proxy was asked for, too. */
static bool was_sent(const struct exchange *exchange)
{
        long sent = 0;

        (void)curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &sent);
        return exchange->connected && sent > 0;
}

/* The transfer itself failed: in words, with what an administrator can do where we know it. */
static void explain_failure(const struct exchange *exchange, CURLcode result, char *why, size_t size)
{
        char detail[CURL_ERROR_SIZE], cure[96];

        if (result == CURLE_SSL_CACERT_BADFILE && exchange->ca_obstacle[0]) {
                (void)snprintf(detail, sizeof(detail), "%s", exchange->ca_obstacle);
        } else {
                curl_loop_explain(exchange->easy, result, exchange->error_text, detail, sizeof(detail));
        }
        hide_login(detail); /* of a proxy */
        switch (result) {
        case CURLE_COULDNT_RESOLVE_HOST:
                (void)snprintf(cure, sizeof(cure), " (check DNS and base_url)");
                break;
        case CURLE_COULDNT_RESOLVE_PROXY:
                (void)snprintf(cure, sizeof(cure), " (check https_proxy and its like, and DNS)");
                break;
        case CURLE_ABORTED_BY_CALLBACK:
                (void)snprintf(cure, sizeof(cure), " (check https_proxy and its like)");
                break;
        default:
                trust_cure(exchange->easy, "base_url", exchange->has_ca_file, result, detail, cure,
                           sizeof(cure));
                break;
        }
        (void)snprintf(why, size, "%.160s%s", detail, cure);
}

/* Callers are given the token, and the account stands in the log: neither may be a key. A short text may be
 * a part of anything; and a token may well name the ID that it is for. */
static bool is_echo(const struct exchange *exchange, const struct grant *grant)
{
        for (size_t i = 0; i < exchange->n_keys; i++) {
                const struct access_key *key = exchange->keys[i];
                const char *const texts[] = { exchange->basics[i], key->secret, key->id };

                for (size_t j = 0; j < ARRAY_SIZE(texts); j++) {
                        if (strlen(texts[j]) >= ECHO_GRANTED_MIN &&
                            (echo_is_in(grant->mage_id, strlen(grant->mage_id), &texts[j], 1) ||
                             (texts[j] != key->id &&
                              echo_is_in(grant->ust, strlen(grant->ust), &texts[j], 1)))) {
                                return true;
                        }
                }
        }
        return false;
}

/* Whether the answer is whole or was cut off: the status holds either way. */
static void judge_answer(struct exchange *exchange, struct exchange_report *report, struct grant *grant)
{
        const struct answer_head *head = &exchange->head;
        const char *why = "", *hidden[HIDDEN_MAX];
        const struct exchange_answer answer = {
                .status = report->status,
                .retry_after = head->has_retry_after ? head->retry_after : NULL,
                .date = head->has_date ? head->date : NULL,
                .body = exchange->body,
                .body_length = exchange->body_length,
        };

        int64_t wall_sec = clock_wall_sec(), date_sec = 0;

        report->date_known = answer.date && http_date_parse(answer.date, wall_sec, &date_sec) >= 0;
        report->clock_ahead_sec = report->date_known ? wall_sec - date_sec : 0;
        report->outcome = token_exchange_classify(&answer, wall_sec, grant, &report->retry_after_sec, &why);
        report->retry_after_for_key = token_exchange_wait_is_for_key(report->status);
        if (report->outcome == EXCHANGE_GRANTED && is_echo(exchange, grant)) {
                report->outcome = EXCHANGE_MALFORMED;
                why = "the answer has a part of the access key in the place of token or account";
        }
        if (report->outcome == EXCHANGE_GRANTED) {
                report->grant = grant;
                return;
        }
        if (exchange->head_length > HEAD_MAX && report->outcome == EXCHANGE_MALFORMED) {
                why = "the head is over 64 KiB long";
        }
        if (is_coded(exchange) && report->outcome == EXCHANGE_MALFORMED) {
                why = "its Transfer-Encoding is not chunked alone";
        }
        token_exchange_excerpt(exchange->body, exchange->body_length, hidden, list_secrets(exchange, hidden),
                               &report->excerpt);
        report->kind = answer_kind_find(report->status, head->content_type, head->networks);
        answer_kind_describe(report->kind, report->status, why, head->redirect_host, report->why,
                             sizeof(report->why));
        memcpy(report->content_type, head->content_type, sizeof(report->content_type));
        memcpy(report->header_names, head->header_names, sizeof(report->header_names));
        memcpy(report->redirect_host, head->redirect_host, sizeof(report->redirect_host));
}

/* Texts of the upstream's, and such as may quote it, are shown in many places: each text of a report has
 * gone through here, whatever was done to it before. Shorter keys than `min` are not looked for. */
static void hide_echoes(const struct exchange *exchange, char *text, size_t size, size_t min)
{
        const char *hidden[HIDDEN_MAX];
        char raw[ANSWER_HEADER_NAMES_MAX];

        static_assert(sizeof(raw) >= EXCHANGE_WHY_MAX && sizeof(raw) >= ANSWER_MESSAGE_MAX + 1,
                      "the longest of them fits");
        (void)snprintf(raw, sizeof(raw), "%s", text);
        size_t n_hidden = list_secrets(exchange, hidden);
        for (size_t i = 0; i < n_hidden; i++) {
                hidden[i] = strlen(hidden[i]) >= min ? hidden[i] : NULL;
        }
        redact_echoes(raw, strlen(raw), hidden, n_hidden, text, size);
}

static void hide_echoes_in_report(const struct exchange *exchange, struct exchange_report *report)
{
        hide_echoes(exchange, report->why, sizeof(report->why), OWN_WORDS_MIN);
        hide_echoes(exchange, report->content_type, sizeof(report->content_type), 1);
        hide_echoes(exchange, report->header_names, sizeof(report->header_names), 1);
        hide_echoes(exchange, report->redirect_host, sizeof(report->redirect_host), 1);
        hide_echoes(exchange, report->excerpt.message, sizeof(report->excerpt.message), 1);
}

/* Is there an answer to go by? One that breaks off behind its head is judged by its status, unless it could
 * have been a grant. */
static bool has_answer(const struct exchange *exchange, CURLcode result, long status)
{
        return result == CURLE_OK || exchange->cut_off ||
               (exchange->head.whole && status > 200 && status <= 599);
}

static void on_done(CURLcode result, void *userdata)
{
        struct exchange *exchange = userdata;
        struct exchange_report report = { .outcome = EXCHANGE_UNAVAILABLE,
                                          .retry_after_sec = RETRY_AFTER_NONE };
        report.excerpt.code = INT64_MIN;
        struct grant *grant = secret_alloc(sizeof(*grant));
        long status = 0;

        (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
        report.unsent = status == 0 && !was_sent(exchange);
        if (!grant) {
                (void)snprintf(report.why, sizeof(report.why), "out of memory");
        } else if (has_answer(exchange, result, status)) {
                report.status = status;
                judge_answer(exchange, &report, grant);
        } else {
                explain_failure(exchange, result, report.why, sizeof(report.why));
        }
        hide_echoes_in_report(exchange, &report);
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
               SET(CURLOPT_FOLLOWLOCATION, 0L) &&
               trust_set_up(easy, environment->ca_file, exchange->ca_obstacle) &&
               SET(CURLOPT_FORBID_REUSE, 1L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
               SET(CURLOPT_NOSIGNAL, 1L) &&
               SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(environment->connect_timeout_usec / USEC_PER_MSEC)) &&
               SET(CURLOPT_TIMEOUT_MS, (long)(environment->exchange_timeout_usec / USEC_PER_MSEC)) &&
               SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC) && SET(CURLOPT_USERNAME, exchange->keys[0]->id) &&
               SET(CURLOPT_PASSWORD, exchange->keys[0]->secret) &&
               SET(CURLOPT_USERAGENT, "eqp-broker/" EQP_BROKER_VERSION) &&
               SET(CURLOPT_HTTPHEADER, exchange->headers) &&
               SET(CURLOPT_POSTFIELDS, exchange->request_body) && SET(CURLOPT_QUICK_EXIT, 1L) &&
               SET(CURLOPT_ERRORBUFFER, exchange->error_text) && SET(CURLOPT_HEADERFUNCTION, on_header) &&
               SET(CURLOPT_HEADERDATA, exchange) && SET(CURLOPT_PREREQFUNCTION, on_connected) &&
               SET(CURLOPT_PREREQDATA, exchange) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
               SET(CURLOPT_WRITEDATA, exchange);
#undef SET
}

static void free_exchange(struct exchange **exchange)
{
        *exchange = exchange_free(*exchange);
}

static bool copy_keys(struct exchange *exchange, const struct access_key *const *keys, size_t n_keys)
{
        for (size_t i = 0; i < n_keys; i++) {
                exchange->keys[i] = access_key_copy(keys[i]);
                if (!exchange->keys[i]) {
                        return false;
                }
                exchange->n_keys++;
                exchange->basics[i] = access_key_basic(keys[i]);
                if (!exchange->basics[i]) {
                        return false;
                }
        }
        return true;
}

int exchange_start(struct exchange **ret, struct curl_loop *loop,
                   const struct environment_settings *environment, const struct access_key *const *keys,
                   size_t n_keys, exchange_done_fn done, void *userdata)
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
        exchange->easy = curl_easy_init();
        exchange->headers = curl_slist_append(NULL, "Content-Type: application/json");
        exchange->body = secret_alloc(BODY_KEPT_MAX);
        if (!copy_keys(exchange, keys, n_keys) || !exchange->easy || !exchange->headers || !exchange->body ||
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
                for (size_t i = 0; i < exchange->n_keys; i++) {
                        (void)access_key_free(exchange->keys[i]);
                        (void)secret_free(exchange->basics[i]);
                }
                (void)secret_free(exchange->body);
                free(exchange);
        }
        return NULL;
}
