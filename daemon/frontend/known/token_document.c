/* A token as it is given away. */
#include "daemon/frontend/known/token_document.h"

#include "daemon/base/clock.h"
#include "lib/json_form.h"
#include "lib/secret.h"
#include "lib/secret_json.h"
#include "lib/util.h"

struct json_object *token_document_upstream(const struct session *session, const char *ust,
                                            uint32_t expires_in_sec)
{
        struct json_object *json = json_object_new_object();

        json_put(json, "mage_id", json_object_new_string(session->mage_id));
        json_put(json, "ust", json_object_new_string(ust));
        json_put(json, "expires_in", json_object_new_int64(expires_in_sec));
        return json;
}

struct json_object *token_document(const struct environment_view *view, const struct session *session,
                                   uint64_t now_usec)
{
        struct json_object *json =
                token_document_upstream(session, session->ust, session_left_sec(session, now_usec));
        char expires[CLOCK_TEXT_MAX];

        (void)clock_format_utc(session->expires_usec, expires);
        json_put(json, "expires_at", json_object_new_string(expires));
        json_put(json, "environment", json_object_new_string(view->name));
        json_put(json, "base_url", json_object_new_string(view->base_url));
        return json;
}

char *token_document_file(const struct environment_view *view, const struct session *session, bool as_json,
                          uint64_t now_usec, size_t *ret_length)
{
        if (as_json) {
                return secret_json_text(token_document(view, session, now_usec), ret_length);
        }
        size_t length = strlen(session->ust);
        char *body = secret_alloc(length + 1);
        if (body) {
                memcpy(body, session->ust, length);
                *ret_length = length;
        }
        return body;
}
