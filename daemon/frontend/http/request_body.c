/* The JSON body of a request: strictly parsed, as its sender may be anybody. */
#include "daemon/frontend/http/request_body.h"

#include "lib/json_feed.h"

#include <errno.h>

int request_body_parse(const struct request *request, struct json_object **ret)
{
        struct json_tokener *tokener = NULL;
        struct json_object *json = NULL;
        int error;

        if (!request->body) {
                return -EINVAL;
        }
        tokener = json_tokener_new_ex(8);
        if (!tokener) {
                return -ENOMEM;
        }
        error = json_feed(tokener, request->body, request->body_length, &json);
        json_tokener_free(tokener);
        if (error != 0 || !json_object_is_type(json, json_type_object)) {
                json_object_put(json);
                return -EINVAL;
        }
        *ret = json;
        return 0;
}
