/* Is a request target one that the gateway may pass on at all, whatever the rules?
 *
 * The checked bytes are the sent bytes: nothing is decoded, folded or tidied up. So what an
 * upstream could read in more ways than one is refused. */
#pragma once

#include "lib/gateway_spelling.h" /* GATEWAY_TARGET_MAX */
#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>

#define GATEWAY_PREFIX "/rest/v1/" /* of every path that is passed on */

#define GATEWAY_METHOD_MAX 16 /* characters of a method */

enum gateway_target_fault {
        GATEWAY_TARGET_FINE,
        GATEWAY_TARGET_NOT_OURS,        /* not /{environment}/rest/v1/…: 404 not_found */
        GATEWAY_TARGET_TOO_LONG,        /* 414 */
        GATEWAY_TARGET_AMBIGUOUS,       /* 400 path_ambiguous */
        GATEWAY_TARGET_METHOD_OVERRIDE, /* _method in the query: 400 method_override_refused */
        GATEWAY_TARGET_SESSION, /* some upstream may take it for rest/v1/app/session…: never passed on */
};

/* Points into the raw target; the path has no NUL at its end. */
struct gateway_target {
        enum gateway_target_fault fault;
        const char *why; /* NULL, or what is wrong and how to write it: a static text, a clause */
        char environment[ENVIRONMENT_NAME_MAX + 1]; /* "" where the target does not even say that */
        const char *path; /* from "/rest/v1/", without the query; NULL unless fine or for an override */
        size_t path_length;
        const char *query; /* behind the '?'; NULL: there is no '?' */
        size_t query_length;
};

/* Judges a raw request target, as it stood on the request line; it may hold any bytes. encoded_slash: %2F
 * may stand inside a segment (`encoded_slash = yes` of the environment). One more slash right behind the
 * environment is fine and belongs to neither part. */
void gateway_target_check(const char *raw, size_t length, bool encoded_slash, struct gateway_target *ret);

/* NULL, or why this path, or this part of one, could be read in more ways than one: a static text, a clause.
 */
const char *gateway_path_fault(const char *path, size_t length, bool encoded_slash);

/* Is it a method that may be passed on: a token of RFC 9110 of 1 to 16 characters, neither TRACE nor
 * CONNECT, whatever their case? */
bool gateway_method_valid(const char *method);
