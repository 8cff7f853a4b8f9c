/* multipart_head: the lines of a part's head, and parameters of header fields (RFC 2183, RFC 9110). */
#pragma once

#include <stddef.h>

#include "simulator/portal/multipart.h"

/* Takes what is of interest from one line without its end. Returns 0, -EBADMSG for a line that is no header
 * field or has a NUL in it, or -E2BIG for a text that is longer than MULTIPART_TEXT_MAX. */
int multipart_head_line(const char *line, size_t size, struct multipart_part *part);

/* The parameter of a header field's value, as of `form-data; name="x"`. Returns 0, -ENOENT if there is none,
 * -EBADMSG for a quote that does not end, or -E2BIG if it has no room. */
int multipart_parameter(const char *value, const char *name, char *ret_text, size_t size);
