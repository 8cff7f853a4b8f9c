/* The JSON body of a request: strictly parsed, as whoever sends it may be anybody. */
#include "daemon/request_body.h"

struct json_object *request_body_parse(const struct request *request)
{
        struct json_tokener *tokener = json_tokener_new_ex(8);
        struct json_object *json = NULL;

        if (tokener && request->body) {
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
                json = json_tokener_parse_ex(tokener, request->body, (int)request->body_length + 1);
                if (json_tokener_get_error(tokener) != json_tokener_success ||
                    json_tokener_get_parse_end(tokener) < request->body_length) {
                        json_object_put(json);
                        json = NULL;
                }
        }
        if (tokener) {
                json_tokener_free(tokener);
        }
        if (!json_object_is_type(json, json_type_object)) {
                json_object_put(json);
                return NULL;
        }
        return json;
}
