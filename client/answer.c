/* Answer: from HTTP to meaning. Nothing in an answer is believed before it was checked: whatever listens on
 * the address may be a web server, an older or newer daemon, or somebody's idea of a joke. */
#include "client/answer.h"

#include "lib/json_feed.h"

#include <errno.h>

#define JSON_DEPTH_MAX 16

/* Results for the daemon's refusals. The slug decides where one status has several reasons. */
static const struct {
        unsigned status;
        const char *slug; /* NULL: any */
        int error;
} meanings[] = {
        { 400, NULL, -EINVAL },
        { 403, NULL, -EACCES },
        { 404, "unknown_environment", -ENOENT },
        { 413, NULL, -EINVAL },
        { 422, "reload_failed", -EBADMSG },
        { 422, NULL, -ERANGE },
        { 429, NULL, -EBUSY },
        { 500, NULL, -EREMOTEIO },
        { 503, NULL, -EAGAIN },
};

static int meaning_of(unsigned status, const char *slug)
{
        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
                if (meanings[i].status == status && (!meanings[i].slug || streq(meanings[i].slug, slug))) {
                        return meanings[i].error;
                }
        }

        return -EPROTO;
}

const char *field_string(struct json_object *object, const char *name)
{
        struct json_object *field;
        const char *text;

        if (!json_object_object_get_ex(object, name, &field) ||
            !json_object_is_type(field, json_type_string)) {
                return NULL;
        }

        text = json_object_get_string(field);
        if (!text || strlen(text) != (size_t)json_object_get_string_len(field)) {
                return NULL;
        }

        return text;
}

int field_boolean(struct json_object *object, const char *name, bool *ret_value)
{
        struct json_object *field;

        if (!json_object_object_get_ex(object, name, &field) ||
            !json_object_is_type(field, json_type_boolean)) {
                return -EPROTO;
        }

        *ret_value = json_object_get_boolean(field);
        return 0;
}

int field_integer(struct json_object *object, const char *name, int64_t min, int64_t max, int64_t *ret_value)
{
        struct json_object *field;
        int64_t value;

        if (!json_object_object_get_ex(object, name, &field) || !json_object_is_type(field, json_type_int)) {
                return -EPROTO;
        }

        value = json_object_get_int64(field);
        if (value < min || value > max) {
                return -EPROTO;
        }

        *ret_value = value;
        return 0;
}

/* One JSON object and nothing behind it; else *ret_object stays as it is. -ENOMEM. */
static int parse_object(const struct body *body, struct json_object **ret_object)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        struct json_tokener *tokener;

        if (body->length == 0) {
                return 0;
        }
        tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!tokener) {
                return -ENOMEM;
        }

        (void)json_feed(tokener, body->data, body->length, &object);
        json_tokener_free(tokener);
        if (json_object_is_type(object, json_type_object)) {
                *ret_object = take_ptr(object);
        }
        return 0;
}

int answer_is_nonsense(const struct address *address, const char *what, struct trouble *trouble)
{
        return trouble_set(trouble, -EPROTO, "not_understood",
                           "The server at %s is not an eqp-brokerd, or one of another version: %s.",
                           address->text, what);
}

static int read_refusal(const struct answer *answer, const struct address *address,
                        struct json_object *object, struct trouble *trouble)
{
        const char *slug, *message;
        int error;

        slug = object ? field_string(object, "error") : NULL;
        message = object ? field_string(object, "message") : NULL;
        if (!slug || slug[0] == '\0' || !message) {
                error = answer_is_nonsense(address, "an error without an explanation that could be read",
                                           trouble);
        } else {
                error = meaning_of(answer->status, slug);
                (void)trouble_set(trouble, error, slug, "%s", message);
        }

        trouble->retry_after_sec = answer->retry_after_sec;
        return error;
}

int answer_read(const struct answer *answer, const struct address *address, struct json_object **ret_object,
                struct trouble *trouble)
{
        _cleanup_(json_putp) struct json_object *object = NULL;

        if (answer->is_json && parse_object(&answer->body, &object) < 0) {
                return trouble_oom(trouble);
        }

        if (answer->status != 200) {
                return read_refusal(answer, address, object, trouble);
        }
        if (!answer->is_json) {
                return answer_is_nonsense(address, "the answer is not JSON", trouble);
        }
        if (!object) {
                return answer_is_nonsense(address, "the answer cannot be read as a JSON object", trouble);
        }

        *ret_object = take_ptr(object);
        return 0;
}
