/* The exchange of a key for a token, as bytes.
 *
 * Words: an *answer* is what came from the wire; a *grant* is a whole, sane answer, the only thing that ever
 * becomes a session; an *outcome* is the kind of an answer, decided by its HTTP status alone but for 200.
 *
 * json-c keeps copies of the token while it parses. They are overwritten before they are freed, as far as
 * json-c lets us. */
#include "lib/token_exchange.h"

#include "lib/retry_after.h"
#include "lib/secret_json.h"
#include "lib/utf8.h"
#include "lib/util.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#define NESTING_MAX 16

const char *exchange_outcome_name(enum exchange_outcome outcome)
{
        static const char *const names[_EXCHANGE_OUTCOME_COUNT] = {
                [EXCHANGE_GRANTED] = "granted",
                [EXCHANGE_KEY_REFUSED] = "key_refused",
                [EXCHANGE_THROTTLED] = "throttled",
                [EXCHANGE_UNAVAILABLE] = "unavailable",
                [EXCHANGE_REQUEST_REFUSED] = "request_refused",
                [EXCHANGE_MALFORMED] = "malformed",
                [EXCHANGE_OTHER_ACCOUNT] = "other_account",
        };

        return (unsigned)outcome < _EXCHANGE_OUTCOME_COUNT ? names[outcome] : "unknown";
}

int token_exchange_request_body(uint32_t lifetime_sec, char *buffer, size_t size)
{
        int n = snprintf(buffer, size, "{\"grant_type\":\"session\",\"expires_in\":%u}",
                         (unsigned)lifetime_sec);

        return n < 0 || (size_t)n >= size ? -ENOBUFS : n;
}

/* Texts that json-c lets pass even when it has to be strict: some of what is no UTF-8, and names in single
 * quotes. */
static bool is_clean_text(const char *body, size_t length)
{
        bool in_string = false;
        size_t step;

        for (size_t i = 0; i < length; i += step) {
                step = utf8_sequence((const unsigned char *)body + i, length - i);
                if (step == 0 || body[i] == '\0' || (body[i] == '\'' && !in_string)) {
                        return false;
                }
                if (body[i] == '"') {
                        in_string = !in_string;
                } else if (body[i] == '\\' && in_string && i + 1 < length &&
                           (unsigned char)body[i + 1] < 0x80) {
                        step++;
                }
        }
        return true;
}

bool token_exchange_is_plain(const char *text, size_t length, size_t max)
{
        if (length < 1 || length > max) {
                return false;
        }
        for (size_t i = 0; i < length; i++) {
                if (text[i] < 0x21 || text[i] > 0x7e || text[i] == '"' || text[i] == '\'') {
                        return false;
                }
        }
        return true;
}

static int read_plain(struct json_object *reply, const char *field, size_t max, const char **ret,
                      size_t *ret_length)
{
        struct json_object *value;
        const char *text;
        size_t length;

        if (!json_object_object_get_ex(reply, field, &value) ||
            !json_object_is_type(value, json_type_string)) {
                return -EBADMSG;
        }
        text = json_object_get_string(value);
        length = (size_t)json_object_get_string_len(value);
        if (!text || !token_exchange_is_plain(text, length, max)) {
                return -EBADMSG;
        }
        *ret = text;
        *ret_length = length;
        return 0;
}

int token_exchange_lifetime(const struct json_object *object, uint32_t *ret_sec)
{
        struct json_object *value;
        int64_t seconds = 0;

        if (!json_object_object_get_ex(object, "expires_in", &value)) {
                return -EBADMSG;
        }
        if (json_object_is_type(value, json_type_int)) {
                seconds = json_object_get_int64(value);
        } else if (json_object_is_type(value, json_type_string)) {
                const char *text = json_object_get_string(value);
                int length = json_object_get_string_len(value);

                if (!text || length < 1 || length > 10) {
                        return -EBADMSG;
                }
                for (int i = 0; i < length; i++) {
                        if (text[i] < '0' || text[i] > '9') {
                                return -EBADMSG;
                        }
                        seconds = seconds * 10 + (text[i] - '0');
                }
        } else {
                return -EBADMSG;
        }

        if (seconds < 1 || seconds > LIFETIME_MAX_SEC) {
                return -EBADMSG;
        }
        *ret_sec = (uint32_t)seconds;
        return 0;
}

/* NULL when the grant was filled, else what is wrong with the reply. */
static const char *read_grant(struct json_object *reply, struct grant *ret)
{
        const char *ust, *mage_id;
        size_t ust_length, mage_id_length;
        uint32_t lifetime_sec;

        if (!json_object_is_type(reply, json_type_object)) {
                return "the body is JSON, but not an object";
        }
        if (read_plain(reply, "ust", SESSION_TOKEN_MAX, &ust, &ust_length) < 0) {
                return "ust is not a string of 1 to 4096 visible ASCII characters without quotes";
        }
        if (read_plain(reply, "mage_id", MAGE_ID_MAX, &mage_id, &mage_id_length) < 0) {
                return "mage_id is not a string of 1 to 64 visible ASCII characters without quotes";
        }
        if (token_exchange_lifetime(reply, &lifetime_sec) < 0) {
                return "expires_in is not a whole number of seconds from 1 s to 30 days";
        }

        ret->lifetime_sec = lifetime_sec;
        memcpy(ret->mage_id, mage_id, mage_id_length);
        ret->mage_id[mage_id_length] = '\0';
        memcpy(ret->ust, ust, ust_length);
        ret->ust[ust_length] = '\0';
        return NULL;
}

static enum exchange_outcome classify_body(const char *body, size_t length, struct grant *ret,
                                           const char **ret_why)
{
        _cleanup_(secret_json_free_ust) struct json_object *reply = NULL;

        *ret_why = "the body is no JSON";
        if (!body || length == 0) {
                *ret_why = "the body is empty";
                return EXCHANGE_MALFORMED;
        }
        if (length > TOKEN_REPLY_MAX) {
                *ret_why = "the body is over 64 KiB long";
                return EXCHANGE_MALFORMED;
        }
        if (!is_clean_text(body, length)) {
                return EXCHANGE_MALFORMED;
        }

        int r = secret_json_parse(body, length, NESTING_MAX, &reply);
        if (r == -ENOMEM) {
                *ret_why = "no memory to read the answer";
                return EXCHANGE_UNAVAILABLE;
        }
        if (r < 0) {
                return EXCHANGE_MALFORMED;
        }
        *ret_why = read_grant(reply, ret);
        if (*ret_why) {
                return EXCHANGE_MALFORMED;
        }
        *ret_why = "";
        return EXCHANGE_GRANTED;
}

/* The meaning of the status alone, for everything but 200. */
static enum exchange_outcome classify_status(long status, bool wait_known, const char **ret_why)
{
        static const struct {
                long first, last;
                enum exchange_outcome outcome;
                const char *why;
        } rows[] = {
                { 201, 299, EXCHANGE_MALFORMED, "a success, but not status 200" },
                { 300, 399, EXCHANGE_MALFORMED, "a redirect is not followed" },
                /* That the key was refused is said before it, by all that say it. */
                { 401, 401, EXCHANGE_KEY_REFUSED,
                  "compare its ID and secret with the portal, or put a new key in its place" },
                { 408, 408, EXCHANGE_UNAVAILABLE, "the server gave up waiting" },
                { 425, 425, EXCHANGE_UNAVAILABLE, "the server wants to be asked later" },
                { 429, 429, EXCHANGE_THROTTLED, "too many requests" },
                { 400, 499, EXCHANGE_REQUEST_REFUSED, "the request was refused" },
                { 500, 599, EXCHANGE_UNAVAILABLE, "the server reports an error" },
                { 0, 0, EXCHANGE_MALFORMED, "a status that is no final answer of HTTP" },
        };
        size_t i = 0;

        if (status == 503 && wait_known) {
                *ret_why = "the server asks for a pause";
                return EXCHANGE_THROTTLED;
        }
        while (i < ARRAY_SIZE(rows) - 1 && (status < rows[i].first || status > rows[i].last)) {
                i++;
        }
        *ret_why = rows[i].why;
        return rows[i].outcome;
}

bool token_exchange_wait_is_for_key(long status)
{
        return status != 429 && (status < 500 || status > 599);
}

/* The upstream counts by its own clock, whatever ours says. */
static uint32_t read_wait(const struct exchange_answer *answer, int64_t wall_now_sec)
{
        int64_t sent_sec = wall_now_sec;
        uint32_t wait_sec;

        if (!answer->retry_after) {
                return RETRY_AFTER_NONE;
        }
        if (answer->date && http_date_parse(answer->date, wall_now_sec, &sent_sec) < 0) {
                sent_sec = wall_now_sec;
        }
        return retry_after_parse(answer->retry_after, sent_sec, &wait_sec) < 0 ? RETRY_AFTER_NONE : wait_sec;
}

enum exchange_outcome token_exchange_classify(const struct exchange_answer *answer, int64_t wall_now_sec,
                                              struct grant *ret_grant, uint32_t *ret_retry_after_sec,
                                              const char **ret_why)
{
        uint32_t wait_sec = read_wait(answer, wall_now_sec);
        enum exchange_outcome outcome;

        if (answer->status == 200) {
                outcome = classify_body(answer->body, answer->body_length, ret_grant, ret_why);
        } else {
                outcome = classify_status(answer->status, wait_sec != RETRY_AFTER_NONE, ret_why);
        }

        *ret_retry_after_sec = outcome == EXCHANGE_GRANTED ? RETRY_AFTER_NONE : wait_sec;
        return outcome;
}
