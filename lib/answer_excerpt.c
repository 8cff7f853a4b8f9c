/* What may be remembered of an answer that nobody has documented.
 *
 * Such an answer helps people only if it can be shown, and it can be shown only if no secret is in it. So
 * its message is *covered*: first every place where one of the hidden texts stands, then every run that
 * looks like a token; what is covered is shown as one
 * "[hidden]", whatever its length. Only the first SCAN_MAX bytes are looked at; that is far more than is
 * shown, and bounds the work. */
#include "lib/json_feed.h"
#include "lib/token_exchange.h"
#include "lib/util.h"

#include <json-c/json.h>
#include <strings.h>

#define SCAN_MAX    4096
#define NESTING_MAX 16

#define RUN_MIN  16 /* so long with a digit, */
#define RUN_LONG 32 /* or longer than this without, it may be a token */

static bool is_token_byte(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("+/=_.-", c));
}

static void cover(bool *covered, size_t scanned, size_t start, size_t length)
{
        for (size_t i = start; i < MIN_OF(scanned, start + length); i++) {
                covered[i] = true;
        }
}

/* A text that begins within the scanned part and ends behind it is found, too. */
static void cover_hidden(const char *message, size_t length, bool *covered, size_t scanned,
                         const char *hidden)
{
        size_t hidden_length = strlen(hidden);

        if (hidden_length == 0) {
                return;
        }
        for (size_t i = 0; i < scanned && hidden_length <= length - i; i++) {
                if (strncasecmp(message + i, hidden, hidden_length) == 0) {
                        cover(covered, scanned, i, hidden_length);
                }
        }
}

static void cover_runs(const char *message, size_t length, bool *covered, size_t scanned)
{
        size_t end;

        for (size_t start = 0; start < scanned; start = end + 1) {
                bool has_digit = false;

                for (end = start; end < length && is_token_byte(message[end]); end++) {
                        if (message[end] >= '0' && message[end] <= '9') {
                                has_digit = true;
                        }
                }
                if (end - start > RUN_LONG || (has_digit && end - start >= RUN_MIN)) {
                        cover(covered, scanned, start, end - start);
                }
        }
}

static void write_message(const char *message, const bool *covered, size_t scanned,
                          char ret[static ANSWER_MESSAGE_MAX + 1])
{
        static const char mark[] = "[hidden]";
        size_t n = 0;

        for (size_t i = 0; i < scanned && n < ANSWER_MESSAGE_MAX; i++) {
                if (!covered[i]) {
                        ret[n++] = message[i] >= 0x20 && message[i] <= 0x7e ? message[i] : '?';
                } else if (i == 0 || !covered[i - 1]) {
                        if (n + strlen(mark) > ANSWER_MESSAGE_MAX) {
                                break;
                        }
                        memcpy(ret + n, mark, strlen(mark));
                        n += strlen(mark);
                }
        }
        ret[n] = '\0';
}

static void excerpt_message(const char *message, size_t length, const char *const *hidden, size_t n_hidden,
                            char ret[static ANSWER_MESSAGE_MAX + 1])
{
        bool covered[SCAN_MAX] = { false };
        size_t scanned = MIN_OF(length, (size_t)SCAN_MAX);

        for (size_t i = 0; i < n_hidden; i++) {
                if (hidden[i]) {
                        cover_hidden(message, length, covered, scanned, hidden[i]);
                }
        }
        cover_runs(message, length, covered, scanned);
        write_message(message, covered, scanned, ret);
}

void token_exchange_excerpt(const char *body, size_t length, const char *const *hidden, size_t n_hidden,
                            struct answer_excerpt *ret)
{
        struct json_tokener *tokener;
        struct json_object *reply = NULL, *value;

        *ret = (struct answer_excerpt){ .code = INT64_MIN };
        if (!body || length == 0 || length > TOKEN_REPLY_MAX) {
                return;
        }
        tokener = json_tokener_new_ex(NESTING_MAX);
        if (!tokener) {
                return;
        }
        if (json_feed(tokener, body, length, &reply) == 0 && json_object_is_type(reply, json_type_object)) {
                if (json_object_object_get_ex(reply, "code", &value) &&
                    json_object_is_type(value, json_type_int)) {
                        ret->code = json_object_get_int64(value);
                }
                if (json_object_object_get_ex(reply, "message", &value) &&
                    json_object_is_type(value, json_type_string)) {
                        excerpt_message(json_object_get_string(value),
                                        (size_t)json_object_get_string_len(value), hidden, n_hidden,
                                        ret->message);
                }
        }
        (void)json_object_put(reply);
        json_tokener_free(tokener);
}
