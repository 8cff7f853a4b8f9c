/* A token as it is given away: the JSON of answers, files and standard output. */
#pragma once

#include "lib/environment_view.h"
#include "lib/session.h"

#include <json-c/json.h>

/* {"mage_id","ust","expires_in","expires_at","environment","base_url"}, the caller's; see lib/json_form.h
 * for what a lack of memory makes of it. */
struct json_object *token_document(const struct environment_view *view, const struct session *session,
                                   uint64_t now_usec);

/* As the upstream would answer it: mage_id, ust, expires_in. ust: the session's own, or what stands for it.
 */
struct json_object *token_document_upstream(const struct session *session, const char *ust,
                                            uint32_t expires_in_sec);

/* As the content of a file: that JSON, or the bare token without an end of line. In secret memory, the
 * caller's. NULL: no memory. */
char *token_document_file(const struct environment_view *view, const struct session *session, bool as_json,
                          uint64_t now_usec, size_t *ret_length);
