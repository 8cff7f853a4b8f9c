/* answer: the answer to a request, and how it is sent. JSON stays a value until the last moment, since
 * faults change it. */
#include "simulator/answer.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>

int answer_new_json(struct answer **ret, unsigned status, struct json_object *json)
{
        struct answer *answer;

        if (!json) {
                return -ENOMEM;
        }
        answer = calloc(1, sizeof(*answer));
        if (!answer) {
                json_object_put(json);
                return -ENOMEM;
        }

        answer->status = status;
        answer->json = json;
        answer->content_type = "application/json";
        *ret = answer;
        return 0;
}

int answer_new_text(struct answer **ret, unsigned status, const char *content_type, const char *text)
{
        _cleanup_(answer_freep) struct answer *answer = calloc(1, sizeof(*answer));

        if (!answer) {
                return -ENOMEM;
        }
        answer->status = status;
        answer->content_type = content_type;
        if (text) {
                answer->body = strdup(text);
                if (!answer->body) {
                        return -ENOMEM;
                }
                answer->size = strlen(text);
        }

        *ret = take_ptr(answer);
        return 0;
}

int answer_new_error(struct answer **ret, unsigned status, int64_t code, const char *message)
{
        _cleanup_(json_putp) struct json_object *error = json_object_new_object();

        if (json_add(error, "code", json_object_new_int64(code)) < 0 ||
            json_add_text(error, "message", message) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, status, take_ptr(error));
}

int answer_render(struct answer *answer)
{
        const char *text;
        char *body;
        size_t size;

        if (!answer->json) {
                return 0;
        }

        text = json_object_to_json_string_length(
                answer->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!text) {
                return -ENOMEM;
        }
        body = malloc(size + 1);
        if (!body) {
                return -ENOMEM;
        }
        memcpy(body, text, size + 1);

        free(answer->body);
        answer->body = body;
        answer->size = size;
        return 0;
}

struct answer *answer_free(struct answer *answer)
{
        if (!answer) {
                return NULL;
        }

        json_object_put(answer->json);
        free(answer->body);
        free(answer->allow);
        free(answer->retry_after);
        free(answer->location);
        json_object_put(answer->headers);
        free(answer);
        return NULL;
}

void answer_freep(struct answer **answer)
{
        *answer = answer_free(*answer);
}
