/* A token on standard output.
 *
 * It is put together in secret memory and written straight to the descriptor: stdio would keep a copy. */
#include "daemon/token_print.h"

#include "daemon/frontend/known/token_document.h"
#include "lib/descriptor.h"
#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/shell_word.h"
#include "lib/util.h"

#include <errno.h>

/* A token and an account, with their names; a base URL of which each character may take four. */
#define TEXT_MAX 8192

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

static int add_json(struct text *text, const struct environment_view *view, const struct session *session,
                    uint64_t now_usec)
{
        struct json_object *json = token_document(view, session, now_usec);
        size_t length;
        const char *line = json_text(json, &length);

        if (line) {
                add(text, line);
                add(text, "\n");
        }
        json_object_put(json);
        return line ? 0 : -ENOMEM;
}

int token_print_format_parse(const char *word, enum token_print_format *ret)
{
        static const char *const words[_TOKEN_PRINT_COUNT] = {
                [TOKEN_PRINT_RAW] = "raw",
                [TOKEN_PRINT_JSON] = "json",
                [TOKEN_PRINT_HEADER] = "header",
                [TOKEN_PRINT_ENV] = "env",
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (streq(word, words[i])) {
                        *ret = (enum token_print_format)i;
                        return 0;
                }
        }
        return -EINVAL;
}

int token_print(int fd, enum token_print_format format, const struct environment_view *view,
                const struct session *session, uint64_t now_usec)
{
        _cleanup_secret_ char *bytes = secret_alloc(TEXT_MAX);
        struct text text = { .bytes = bytes };

        if (!bytes) {
                return -ENOMEM;
        }
        if (format == TOKEN_PRINT_JSON) {
                int r = add_json(&text, view, session, now_usec);
                if (r < 0) {
                        return r;
                }
        } else if (format == TOKEN_PRINT_ENV) {
                add_variable(&text, "EQP_TOKEN", session->ust);
                add_variable(&text, "EQP_MAGE_ID", session->mage_id);
                add_variable(&text, "EQP_BASE_URL", view->base_url);
        } else {
                add(&text, format == TOKEN_PRINT_HEADER ? "Authorization: Bearer " : "");
                add(&text, session->ust);
                add(&text, "\n");
        }
        return text.too_long ? -EMSGSIZE : write_fully(fd, text.bytes, text.length);
}
