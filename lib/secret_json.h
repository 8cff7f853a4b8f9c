/* JSON that holds secrets. json-c keeps copies on the ordinary heap: these wipe what of them can be got at.
 * (The daemon's heap wipes what is freed; see daemon/wiping_heap.c. The library's users may have another.)
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

/* Parses one value, strictly as far as json-c is. *ret is the caller's, for json_object_put(); NULL is the
 * value null. -EBADMSG: the text is none. -ENOMEM. */
int secret_json_parse(const char *text, size_t length, int nesting_max, struct json_object **ret);

/* Lets the value go (json_object_put()), after the texts of all its members of that name were written over,
 * at whatever depth. NULL is fine. */
void secret_json_free(struct json_object *json, const char *member);

/* For the end of a scope: the member "ust" of the API is a secret. */
static inline void secret_json_free_ust(struct json_object **json)
{
        secret_json_free(*json, "ust");
}

/* The object as one line in secret memory, the caller's for secret_free(), without a NUL or an end of line,
 * for which there is room for a byte more. Lets the object go. NULL: memory was not enough for all of it
 * (see lib/json_form.h). */
char *secret_json_text(struct json_object *json, size_t *ret_length);
