/* fault_table: the faults and their parameters as rows. To add a fault: a kind in the header, a row here,
 * its doing in misbehave.c, its line in the man page. */
#include "simulator/fault_table.h"

#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/time_limits.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define TEXT_MAX    65536
#define HEADER_MAX  4096
#define HEADERS_MAX 32

const struct fault_row fault_rows[FAULT_KINDS] = {
        [FAULT_REFUSE] = { "refuse", STAGE_INSTEAD },
        [FAULT_THROTTLE] = { "throttle", STAGE_INSTEAD },
        [FAULT_UNAVAILABLE] = { "unavailable", STAGE_INSTEAD },
        [FAULT_STATUS] = { "status", STAGE_INSTEAD },
        [FAULT_REDIRECT] = { "redirect", STAGE_INSTEAD },
        [FAULT_HANG] = { "hang", STAGE_INSTEAD },
        [FAULT_DRIP] = { "drip", STAGE_ANSWER },
        [FAULT_TRUNCATE] = { "truncate", STAGE_ANSWER },
        [FAULT_RESET] = { "reset", STAGE_INSTEAD },
        [FAULT_WRONG_TYPES] = { "wrong_types", STAGE_GRANT },
        [FAULT_MISSING_FIELD] = { "missing_field", STAGE_GRANT },
        [FAULT_EMPTY_FIELD] = { "empty_field", STAGE_GRANT },
        [FAULT_GIANT] = { "giant", STAGE_INSTEAD },
        [FAULT_BAD_UTF8] = { "bad_utf8", STAGE_ANSWER },
        [FAULT_NOT_JSON] = { "not_json", STAGE_INSTEAD },
        [FAULT_LIFETIME] = { "lifetime", STAGE_GRANT },
        [FAULT_BAD_UST] = { "bad_ust", STAGE_GRANT },
        [FAULT_ACCOUNT] = { "account", STAGE_GRANT },
        [FAULT_WRONG_CERTIFICATE] = { "wrong_certificate", STAGE_CONNECTION },
        [FAULT_RESET_ON_ACCEPT] = { "reset_on_accept", STAGE_CONNECTION },
        [FAULT_GARBAGE] = { "garbage", STAGE_INSTEAD },
        [FAULT_REFUSE_CONNECT] = { "refuse_connect", STAGE_CONNECTION },
        [FAULT_CUT] = { "cut", STAGE_BODY },
        [FAULT_SLOW_UPLOAD] = { "slow_upload", STAGE_BODY },
        [FAULT_DELAY] = { "delay", STAGE_ANSWER },
};

enum parameter_type {
        NUMBER,         /* whole, from min to max */
        FLAG,           /* true or false */
        HEADER,         /* text that may stand in a header field */
        HEADERS,        /* an object of such texts */
        NUMBER_OR_TEXT, /* whole from min to max, or header text */
        TEXT,           /* any text */
        FIELD,          /* a field of the token answer */
        ANYTHING,       /* any JSON value */
};

static const struct parameter {
        enum fault_kind kind;
        const char *name;
        enum parameter_type type;
        int64_t min, max;
        bool required;
} parameters[] = {
        { FAULT_REFUSE, "status", NUMBER, 401, 403, false },
        { FAULT_REFUSE, "code", NUMBER, INT32_MIN, INT32_MAX, false },
        { FAULT_REFUSE, "message", TEXT, 0, 0, false },
        { FAULT_REFUSE, "retry_after", NUMBER_OR_TEXT, INT32_MIN, INT64_MAX, false },
        { FAULT_REFUSE, "retry_after_date", FLAG, 0, 0, false },
        { FAULT_REFUSE, "early", FLAG, 0, 0, false },
        { FAULT_THROTTLE, "retry_after", NUMBER_OR_TEXT, INT32_MIN, INT64_MAX, false },
        { FAULT_THROTTLE, "retry_after_date", FLAG, 0, 0, false },
        { FAULT_THROTTLE, "early", FLAG, 0, 0, false },
        { FAULT_UNAVAILABLE, "status", NUMBER, 500, 599, false },
        { FAULT_UNAVAILABLE, "html", FLAG, 0, 0, false },
        { FAULT_UNAVAILABLE, "retry_after", NUMBER_OR_TEXT, INT32_MIN, INT64_MAX, false },
        { FAULT_UNAVAILABLE, "retry_after_date", FLAG, 0, 0, false },
        { FAULT_UNAVAILABLE, "early", FLAG, 0, 0, false },
        { FAULT_STATUS, "status", NUMBER, 200, 599, true },
        { FAULT_STATUS, "code", NUMBER, INT32_MIN, INT32_MAX, false },
        { FAULT_STATUS, "message", TEXT, 0, 0, false },
        { FAULT_STATUS, "body", TEXT, 0, 0, false },
        { FAULT_STATUS, "content_type", HEADER, 0, 0, false },
        { FAULT_STATUS, "headers", HEADERS, 0, 0, false },
        { FAULT_STATUS, "retry_after", NUMBER_OR_TEXT, INT32_MIN, INT64_MAX, false },
        { FAULT_STATUS, "retry_after_date", FLAG, 0, 0, false },
        { FAULT_STATUS, "early", FLAG, 0, 0, false },
        { FAULT_RESET, "early", FLAG, 0, 0, false },
        { FAULT_REDIRECT, "location", HEADER, 0, 0, true },
        { FAULT_DRIP, "interval_ms", NUMBER, 1, 60000, false },
        { FAULT_DRIP, "bytes", NUMBER, 1, 1024 * 1024, false },
        { FAULT_MISSING_FIELD, "field", FIELD, 0, 0, true },
        { FAULT_EMPTY_FIELD, "field", FIELD, 0, 0, true },
        { FAULT_GIANT, "bytes", NUMBER, 0, INT64_C(1) << 40, false },
        { FAULT_GIANT, "chunked", FLAG, 0, 0, false },
        { FAULT_GIANT, "status", NUMBER, 200, 599, false },
        { FAULT_GIANT, "retry_after", NUMBER_OR_TEXT, INT32_MIN, INT64_MAX, false },
        { FAULT_LIFETIME, "expires_in", ANYTHING, 0, 0, true },
        { FAULT_BAD_UST, "ust", TEXT, 0, 0, true },
        { FAULT_ACCOUNT, "mage_id", TEXT, 0, 0, true },
        { FAULT_CUT, "bytes", NUMBER, 0, INT64_C(1) << 40, false },
        { FAULT_CUT, "politely", FLAG, 0, 0, false },
        { FAULT_SLOW_UPLOAD, "bytes", NUMBER, 1, 1024 * 1024, false },
        { FAULT_SLOW_UPLOAD, "interval_ms", NUMBER, 1, 60000, false },
        { FAULT_DELAY, "ms", NUMBER, 1, LATENCY_MS_MAX, true },
};

int fault_kind_from_name(const char *name)
{
        for (int kind = 0; kind < FAULT_KINDS; kind++) {
                if (streq(fault_rows[kind].name, name)) {
                        return kind;
                }
        }
        return -EINVAL;
}

/* Printable ASCII, and not empty: libmicrohttpd sends no empty fields. */
static bool is_header_text(struct json_object *value)
{
        const char *text;

        if (!json_object_is_type(value, json_type_string) || json_object_get_string_len(value) < 1 ||
            json_object_get_string_len(value) > HEADER_MAX) {
                return false;
        }
        text = json_object_get_string(value);
        for (int i = 0; i < json_object_get_string_len(value); i++) {
                if (text[i] < 0x20 || text[i] > 0x7E) {
                        return false;
                }
        }
        return true;
}

/* Those that say where an answer ends are libmicrohttpd's. */
static bool is_header_name(const char *name)
{
        static const char *const others[] = { "Connection", "Content-Length", "Transfer-Encoding" };
        size_t length = strlen(name);

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                if (strcasecmp(name, others[i]) == 0) {
                        return false;
                }
        }
        return length >= 1 && length <= HEADER_MAX &&
               strspn(name,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") ==
                       length;
}

static bool are_headers(struct json_object *value)
{
        if (!json_object_is_type(value, json_type_object) ||
            json_object_object_length(value) > HEADERS_MAX) {
                return false;
        }
        json_object_object_foreach (value, name, text) {
                if (!is_header_name(name) || !is_header_text(text)) {
                        return false;
                }
        }
        return true;
}

static bool is_field(struct json_object *value)
{
        const char *text;

        if (!json_object_is_type(value, json_type_string)) {
                return false;
        }
        text = json_object_get_string(value);
        return streq(text, "mage_id") || streq(text, "ust") || streq(text, "expires_in");
}

static bool parameter_fits(const struct parameter *parameter, struct json_object *value)
{
        int64_t number;

        switch (parameter->type) {
        case NUMBER:
                return json_is_whole(value, parameter->min, parameter->max, &number);
        case FLAG:
                return json_object_is_type(value, json_type_boolean);
        case HEADER:
                return is_header_text(value);
        case HEADERS:
                return are_headers(value);
        case NUMBER_OR_TEXT:
                return json_is_whole(value, parameter->min, parameter->max, &number) ||
                       is_header_text(value);
        case TEXT:
                return json_object_is_type(value, json_type_string) &&
                       json_object_get_string_len(value) <= TEXT_MAX;
        case FIELD:
                return is_field(value);
        case ANYTHING:
                return true;
        }
        return false;
}

int fault_check_parameter(enum fault_kind kind, const char *name, struct json_object *value,
                          char **reterr_message)
{
        const struct parameter *found = NULL;
        int n;

        for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
                if (parameters[i].kind == kind && streq(parameters[i].name, name)) {
                        found = &parameters[i];
                }
        }

        if (!found) {
                n = asprintf(reterr_message, "%s has no parameter %.64s", fault_rows[kind].name, name);
        } else if (parameter_fits(found, value)) {
                return 0;
        } else if (found->type == NUMBER) {
                n = asprintf(reterr_message, "%s of %s must be a whole number from %lld to %lld", name,
                             fault_rows[kind].name, (long long)found->min, (long long)found->max);
        } else if (found->type == FIELD) {
                n = asprintf(reterr_message, "%s of %s must be mage_id, ust or expires_in", name,
                             fault_rows[kind].name);
        } else {
                n = asprintf(reterr_message, "%s of %s is of the wrong kind or too long", name,
                             fault_rows[kind].name);
        }
        return n < 0 ? -ENOMEM : -EINVAL;
}

const char *fault_missing_parameter(enum fault_kind kind, struct json_object *given)
{
        for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
                if (parameters[i].kind == kind && parameters[i].required &&
                    !json_object_object_get_ex(given, parameters[i].name, NULL)) {
                        return parameters[i].name;
                }
        }
        return NULL;
}
