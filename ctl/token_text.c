/* A token in the form that the command line asks for. JSON is put together without json-c, which would leave
 * copies of the token behind. The library gives visible ASCII without double quotes only: there is but one
 * character to escape. */
#include "ctl/token_text.h"

#include <stdio.h>

static void add_member(struct token_text *text, const char *before, const char *name, const char *value)
{
        token_text_add(text, before);
        token_text_add(text, "\"");
        token_text_add(text, name);
        token_text_add(text, "\":\"");
        for (const char *c = value; *c != '\0'; c++) {
                token_text_add(text, *c == '\\' ? "\\" : "");
                token_text_add_bytes(text, c, 1);
        }
        token_text_add(text, "\"");
}

/* The daemon's own form of a token answer. */
static void add_json(struct token_text *text, const struct eqp_broker_token *token)
{
        char expires_in[64];

        (void)snprintf(expires_in, sizeof(expires_in), ",\"expires_in\":%u",
                       eqp_broker_token_expires_in_sec(token));
        add_member(text, "{", "mage_id", eqp_broker_token_mage_id(token));
        add_member(text, ",", "ust", eqp_broker_token_ust(token));
        token_text_add(text, expires_in);
        add_member(text, ",", "expires_at", eqp_broker_token_expires_at(token));
        add_member(text, ",", "environment", eqp_broker_token_environment(token));
        add_member(text, ",", "base_url", eqp_broker_token_base_url(token));
        token_text_add(text, "}\n");
}

char *token_text(const struct eqp_broker_token *token, enum token_format format, size_t *ret_length)
{
        _cleanup_secret_ char *bytes = secret_alloc(TOKEN_TEXT_MAX);
        struct token_text text = { .bytes = bytes };

        if (!bytes) {
                return NULL;
        }
        if (format == TOKEN_FORMAT_JSON) {
                add_json(&text, token);
        } else {
                token_text_put(&text, format, eqp_broker_token_ust(token), eqp_broker_token_mage_id(token),
                               eqp_broker_token_base_url(token));
        }
        if (text.too_long) {
                return NULL;
        }
        *ret_length = text.length;
        return take_ptr(bytes);
}
