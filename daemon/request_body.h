/* The JSON body of a request. */
#pragma once

#include "daemon/request.h"

#include <json-c/json.h>

/* The body as a JSON object, the caller's; NULL: it is none, and the request was answered with a 400 that
 * shows the example. */
struct json_object *request_body_parse(struct request *request, const char *example);
