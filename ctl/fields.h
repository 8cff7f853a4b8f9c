/* Fields: reading a status whose every part may be missing, because the daemon may be of another version. */
#pragma once

#include "lib/json_scope.h"
#include "lib/util.h"

#include <json-c/json.h>

/* Nothing is told apart from a wrong type: text is "" then, truth is false. Text belongs to the object. */
const char *field_text(struct json_object *object, const char *name);
bool field_truth(struct json_object *object, const char *name);

/* A number of things, 0 if there is none. */
int64_t field_count(struct json_object *object, const char *name);

/* A span of seconds, brought into 0 to ten years. False if there is none. */
bool field_seconds(struct json_object *object, const char *name, int64_t *ret_sec);

/* NULL if there is none; belongs to the object. */
struct json_object *field_object(struct json_object *object, const char *name);
struct json_object *field_array(struct json_object *object, const char *name);
