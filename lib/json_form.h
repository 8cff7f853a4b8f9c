/* JSON under construction, where memory may run out at any step: a document that is half made is never sent.
 *
 * json-c says of each single step whether it worked. Here the object remembers it instead: whatever cannot
 * be put into it, or is not whole itself, leaves it marked, and its user asks once. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* Puts the value into the object; takes it over in any case. NULL, for either: a step before ran out of
 * memory. */
void json_put(struct json_object *object, const char *name, struct json_object *value);

/* Puts the JSON value null into it. */
void json_put_null(struct json_object *object, const char *name);

/* Appends the value to the array; likewise. */
void json_append(struct json_object *array, struct json_object *value);

/* Was memory enough for everything? False for NULL. */
bool json_is_whole(struct json_object *object);

/* The object as one line, which stays the object's, and its length; NULL: memory was not enough for all of
 * it. */
const char *json_text(struct json_object *object, size_t *ret_length);
