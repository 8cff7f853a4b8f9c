/* A session token in the forms in which programs print it. Nothing of it leaves memory for secrets. */
#include "lib/token_format.h"

#include "lib/util.h"

#include <errno.h>

int token_format_parse(const char *word, enum token_format *ret)
{
        static const char *const words[_TOKEN_FORMAT_COUNT] = {
                [TOKEN_FORMAT_RAW] = "raw",
                [TOKEN_FORMAT_JSON] = "json",
                [TOKEN_FORMAT_HEADER] = "header",
                [TOKEN_FORMAT_ENV] = "env",
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (streq(word, words[i])) {
                        *ret = (enum token_format)i;
                        return 0;
                }
        }
        return -EINVAL;
}

void token_text_add_bytes(struct token_text *text, const char *bytes, size_t length)
{
        if (length > TOKEN_TEXT_MAX - text->length) {
                text->too_long = true;
                return;
        }
        memcpy(text->bytes + text->length, bytes, length);
        text->length += length;
}

void token_text_add(struct token_text *text, const char *string)
{
        token_text_add_bytes(text, string, strlen(string));
}

static void add_variable(struct token_text *text, const char *name, const char *value)
{
        token_text_add(text, name);
        token_text_add(text, "=");

        ssize_t n = shell_word(value, text->bytes + text->length, TOKEN_TEXT_MAX - text->length);
        text->too_long = text->too_long || n < 0;
        text->length += n > 0 ? (size_t)n : 0;
        token_text_add(text, "\n");
}

void token_text_put(struct token_text *text, enum token_format format, const char *ust, const char *mage_id,
                    const char *base_url)
{
        if (format == TOKEN_FORMAT_ENV) {
                add_variable(text, "EQP_TOKEN", ust);
                add_variable(text, "EQP_MAGE_ID", mage_id);
                add_variable(text, "EQP_BASE_URL", base_url);
        } else {
                token_text_add(text, format == TOKEN_FORMAT_HEADER ? "Authorization: Bearer " : "");
                token_text_add(text, ust);
                token_text_add(text, "\n");
        }
}
