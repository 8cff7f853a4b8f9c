/* Answers as libmicrohttpd responses: the headers that every one has, errors, JSON. */
#pragma once

#include <json-c/json.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer {
        unsigned status;
        struct MHD_Response *response; /* the receiver's; NULL: no memory */
};

/* No Retry-After header. */
#define ANSWER_NO_RETRY UINT32_MAX

/* A body in secret memory (lib/secret), which the response takes over and wipes at its end. */
struct MHD_Response *answer_secret(char *body, size_t length, const char *content_type);

/* A text that is copied. */
struct MHD_Response *answer_text(const char *text, size_t length, const char *content_type);

/* A JSON value, which is taken over, as a line. secret: it holds a token. */
struct MHD_Response *answer_json(struct json_object *json, bool secret);

/* {"code":status,"error":"slug","message":"…"}; without "error" where the slug is NULL, as the EQP API does.
 */
struct answer answer_error(unsigned status, const char *slug, const char *message);

/* The same, with more headers: Retry-After (or ANSWER_NO_RETRY), Allow (or NULL), and whether the connection
 * ends. */
struct answer answer_error_with(unsigned status, const char *slug, const char *message,
                                uint32_t retry_after_sec, const char *allow, bool close);

/* The same as the EQP API would say it, without "error"; the slug stands in the header EQP-Error. */
struct answer answer_error_as_upstream(unsigned status, const char *slug, const char *message,
                                       uint32_t retry_after_sec, const char *allow, bool close);

/* Seconds for a Retry-After header until a moment, rounded up, from 1 to an hour; a minute where nobody
 * knows (a key file may be dropped any time). */
uint32_t answer_retry_after(uint64_t moment_usec, uint64_t now_usec);
