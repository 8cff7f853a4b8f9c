/* Whole texts for json-c's strict reader, whatever its version. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

/* Reads one value with the tokener, strictly and as UTF-8; white space may follow it, and nothing else.
 * *ret is the caller's, for json_object_put(); NULL is the value null. The flags of the tokener are changed.
 * -EBADMSG: the text is none, or holds a zero byte. */
int json_feed(struct json_tokener *tokener, const char *text, size_t length, struct json_object **ret);
