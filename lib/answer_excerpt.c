/* The excerpt that may be kept of the body of an answer that nobody has documented: such an answer helps
 * people only if it can be shown, and it can be shown only if no secret is in it. */
#include "lib/echo.h"
#include "lib/json_feed.h"
#include "lib/redact.h"
#include "lib/token_exchange.h"
#include "lib/util.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

#define NESTING_MAX 16

/* A key of digits may come back as a number. */
static int64_t show_code(int64_t code, const char *const *hidden, size_t n_hidden)
{
        char text[32];
        int n = snprintf(text, sizeof(text), "%" PRId64, code);

        return echo_is_in(text, (size_t)n, hidden, n_hidden) ? INT64_MIN : code;
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
                        ret->code = show_code(json_object_get_int64(value), hidden, n_hidden);
                }
                if (json_object_object_get_ex(reply, "message", &value) &&
                    json_object_is_type(value, json_type_string)) {
                        redact(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                               hidden, n_hidden, ret->message, sizeof(ret->message));
                }
        }
        (void)json_object_put(reply);
        json_tokener_free(tokener);
}
