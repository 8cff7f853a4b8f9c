/* Answer: the meaning of a daemon's HTTP answer; its JSON read, its errors put into our results. */
#pragma once

#include "client/transport.h"
#include "lib/json_scope.h"

#include <json-c/json.h>

/* Reads the body of an answer. 0 with the object if the status is 200 and the body one JSON object (release
 * it with json_object_put()). Else the trouble is set: the daemon's own words if they can be understood,
 * with the result as listed in eqp-broker.h, or -EPROTO. address is for the message. */
int answer_read(const struct answer *answer, const struct address *address, struct json_object **ret_object,
                struct trouble *trouble);

/* -EPROTO for a 200 whose content is not what belongs there; `what` names the missing part. */
int answer_is_nonsense(const struct address *address, const char *what, struct trouble *trouble);

/* A string field, NULL if it is missing, no string, or holds a NUL byte. Belongs to the object. */
const char *field_string(struct json_object *object, const char *name);

/* A field that must be true or false. -EPROTO. */
int field_boolean(struct json_object *object, const char *name, bool *ret_value);

/* An integer field within [min, max]. -EPROTO. */
int field_integer(struct json_object *object, const char *name, int64_t min, int64_t max,
                  int64_t *ret_value);
