/* The JSON body of a request: strictly parsed, as whoever sends it may be anybody. */
#include "daemon/request_body.h"

#include <errno.h>

int request_body_parse(const struct request *request, struct json_object **ret)
{
        struct json_tokener *tokener = NULL;
        struct json_object *json = NULL;
        bool whole;

        if (!request->body) {
                return -EINVAL;
        }
        tokener = json_tokener_new_ex(8);
        if (!tokener) {
                return -ENOMEM;
        }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        json = json_tokener_parse_ex(tokener, request->body, (int)request->body_length + 1);
        whole = json_tokener_get_error(tokener) == json_tokener_success &&
                json_tokener_get_parse_end(tokener) >= request->body_length;
        json_tokener_free(tokener);
        if (!whole || !json_object_is_type(json, json_type_object)) {
                json_object_put(json);
                return -EINVAL;
        }
        *ret = json;
        return 0;
}
