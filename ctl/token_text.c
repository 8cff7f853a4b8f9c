/* Token text: put together in secret memory, without json-c, which would leave copies of the token behind.
 * The library gives visible ASCII without double quotes only: in JSON there is but one character to escape.
 */
#include "ctl/token_text.h"

#include <stdio.h>

#include "lib/secret.h"
#include "lib/shell_word.h"

/* A token, an account and a URL, of at most 4096, 64 and 2048 characters, with their names. */
#define TEXT_MAX (SHELL_WORD_MAX(4096 + 64 + 2048) + 512)

struct text {
        char *bytes; /* secret memory, TEXT_MAX */
        size_t length;
        bool too_long;
};

static void add_bytes(struct text *text, const char *bytes, size_t length)
{
        if (length > TEXT_MAX - text->length) {
                text->too_long = true;
                return;
        }
        memcpy(text->bytes + text->length, bytes, length);
        text->length += length;
}

static void add(struct text *text, const char *string)
{
        add_bytes(text, string, strlen(string));
}

static void add_variable(struct text *text, const char *name, const char *value)
{
        add(text, name);
        add(text, "=");

        ssize_t n = shell_word(value, text->bytes + text->length, TEXT_MAX - text->length);
        text->too_long = text->too_long || n < 0;
        text->length += n > 0 ? (size_t)n : 0;
        add(text, "\n");
}

static void add_member(struct text *text, const char *before, const char *name, const char *value)
{
        add(text, before);
        add(text, "\"");
        add(text, name);
        add(text, "\":\"");
        for (const char *c = value; *c != '\0'; c++) {
                add(text, *c == '\\' ? "\\" : "");
                add_bytes(text, c, 1);
        }
        add(text, "\"");
}

/* The daemon's own form of a token answer. */
static void add_json(struct text *text, const struct eqp_broker_token *token)
{
        char expires_in[64];

        (void)snprintf(expires_in, sizeof(expires_in), ",\"expires_in\":%u",
                       eqp_broker_token_expires_in_sec(token));
        add_member(text, "{", "mage_id", eqp_broker_token_mage_id(token));
        add_member(text, ",", "ust", eqp_broker_token_ust(token));
        add(text, expires_in);
        add_member(text, ",", "expires_at", eqp_broker_token_expires_at(token));
        add_member(text, ",", "environment", eqp_broker_token_environment(token));
        add_member(text, ",", "base_url", eqp_broker_token_base_url(token));
        add(text, "}\n");
}

char *token_text(const struct eqp_broker_token *token, enum token_format format, size_t *ret_length)
{
        _cleanup_secret_ char *bytes = secret_alloc(TEXT_MAX);
        struct text text = { .bytes = bytes };

        if (!bytes) {
                return NULL;
        }
        if (format == TOKEN_FORMAT_JSON) {
                add_json(&text, token);
        } else if (format == TOKEN_FORMAT_ENV) {
                add_variable(&text, "EQP_TOKEN", eqp_broker_token_ust(token));
                add_variable(&text, "EQP_MAGE_ID", eqp_broker_token_mage_id(token));
                add_variable(&text, "EQP_BASE_URL", eqp_broker_token_base_url(token));
        } else {
                add(&text, format == TOKEN_FORMAT_HEADER ? "Authorization: Bearer " : "");
                add(&text, eqp_broker_token_ust(token));
                add(&text, "\n");
        }
        if (text.too_long) {
                return NULL;
        }
        *ret_length = text.length;
        return take_ptr(bytes);
}
