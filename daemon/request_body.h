/* The JSON body of a request. */
#pragma once

#include "daemon/request.h"

#include <json-c/json.h>

/* The body as a JSON object, the caller's; NULL: it is none. */
struct json_object *request_body_parse(const struct request *request);
