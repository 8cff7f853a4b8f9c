/* multipart_head: the head of a part, its lines, and parameters of header fields (RFC 2183, RFC 9110). */
#pragma once

#include <stddef.h>

#define MULTIPART_TEXT_MAX 255 /* bytes of a name, a file name or a content type */

/* The head of a part. A text that was not sent is empty. */
struct multipart_part {
        char name[MULTIPART_TEXT_MAX + 1];
        char filename[MULTIPART_TEXT_MAX + 1];
        char content_type[MULTIPART_TEXT_MAX + 1];
};

/* Takes what is of interest from one line without its end. Returns 0, -EBADMSG for a line that is no header
 * field or has a NUL in it, or -E2BIG for a text that is longer than MULTIPART_TEXT_MAX. */
int multipart_head_line(const char *line, size_t size, struct multipart_part *part);

/* The parameter of a header field's value, as of `form-data; name="x"`. Returns 0, -ENOENT if there is none,
 * -EBADMSG for a quote that does not end, or -E2BIG if it has no room. */
int multipart_parameter(const char *value, const char *name, char *ret_text, size_t size);
