/* The JSON body of a request. */
#pragma once

#include "daemon/frontend/http/request.h"

#include <json-c/json.h>

/* The body as a JSON object, the caller's. Returns 0; -EINVAL: it is none; -ENOMEM: nobody knows what it is.
 */
int request_body_parse(const struct request *request, struct json_object **ret);
