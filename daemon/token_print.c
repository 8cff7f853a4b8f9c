/* A token on standard output.
 *
 * It is put together in secret memory and written straight to the descriptor: stdio would keep a copy. */
#include "daemon/token_print.h"

#include "daemon/frontend/known/token_document.h"
#include "lib/descriptor.h"
#include "lib/json_form.h"
#include "lib/util.h"

#include <errno.h>

static int add_json(struct token_text *text, const struct environment_view *view,
                    const struct session *session, uint64_t now_usec)
{
        struct json_object *json = token_document(view, session, now_usec);
        size_t length;
        const char *line = json_text(json, &length);

        if (line) {
                token_text_add(text, line);
                token_text_add(text, "\n");
        }
        json_object_put(json);
        return line ? 0 : -ENOMEM;
}

int token_print(int fd, enum token_format format, const struct environment_view *view,
                const struct session *session, uint64_t now_usec)
{
        _cleanup_secret_ char *bytes = secret_alloc(TOKEN_TEXT_MAX);
        struct token_text text = { .bytes = bytes };

        if (!bytes) {
                return -ENOMEM;
        }
        if (format == TOKEN_FORMAT_JSON) {
                int r = add_json(&text, view, session, now_usec);
                if (r < 0) {
                        return r;
                }
        } else {
                token_text_put(&text, format, session->ust, session->mage_id, view->base_url);
        }
        return text.too_long ? -EMSGSIZE : write_fully(fd, text.bytes, text.length);
}
