/* JSON as text: read strictly, built with few words. The values themselves are json-c's. */
#pragma once

#include "lib/json_scope.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads exactly one JSON value of valid UTF-8, with nothing behind it and nested at most 16 deep; "null"
 * gives NULL. The caller puts the value. Returns 0, -EBADMSG for anything else, or -ENOMEM. */
int json_read(const char *text, size_t size, struct json_object **ret);

/* Adds a value, which is consumed in any case. A NULL value means that making it failed. Returns 0 or
 * -ENOMEM. */
int json_add(struct json_object *object, const char *name, struct json_object *value);

/* Adds a string, or null when there is none. Returns 0 or -ENOMEM. */
int json_add_text(struct json_object *object, const char *name, const char *text);

/* Adds a whole number. Returns 0 or -ENOMEM. */
int json_add_number(struct json_object *object, const char *name, uint64_t number);

/* Appends to an array; the value is consumed in any case. Returns 0 or -ENOMEM. */
int json_append(struct json_object *array, struct json_object *value);

/* A string made of bytes that a stranger sent: where they are no UTF-8, each is read as Latin-1. NULL
 * without memory. */
struct json_object *json_from_bytes(const char *bytes, size_t size);

/* The field as text without NUL characters, of min to max bytes; false if it is missing or anything else.
 * The text belongs to the object. */
bool json_get_text(struct json_object *object, const char *name, size_t min, size_t max, const char **ret);

/* The value as a whole number from min to max; false if it is anything else (a number in a string, 7200.0).
 */
bool json_is_whole(struct json_object *value, int64_t min, int64_t max, int64_t *ret);

/* The first field whose name is not in the NULL-terminated list, or NULL. The name belongs to the object. */
const char *json_unknown_field(struct json_object *object, const char *const *known);
