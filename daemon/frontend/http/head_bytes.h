/* Do the texts of a request's head, as libmicrohttpd hands them out, account for all of its bytes?
 *
 * libmicrohttpd cuts the head up where it lies, and its older versions do so carelessly: a text ends at a
 * NUL byte although its line goes on, a line of ": x" ends the head although headers follow, a lone line
 * feed ends a line. Each time bytes are left over between two texts that nobody has looked at. Versions
 * from 1.0 on refuse such requests themselves; for them nothing is checked here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Zeroed for each request. */
struct head_bytes {
        const char *begin; /* of the request line */
        const char *end;   /* of the text that was last seen; NULL: none yet */
        unsigned n_headers;
        bool odd;
};

/* The texts of the request line. */
void head_bytes_line(struct head_bytes *head, const char *method, const char *target, size_t target_length,
                     const char *version);

/* The texts of one header, in the order of the head. */
void head_bytes_header(struct head_bytes *head, const char *name, const char *value);

/* After the last header; size: bytes of the head, as libmicrohttpd counts them. False: there are bytes that
 * no text accounts for, such as a NUL behind the last value. */
bool head_bytes_sound(const struct head_bytes *head, size_t size);

/* Likewise, whatever libmicrohttpd's version: do the texts lie in one piece, up to the empty line? Then with
 * *ret_length, in bytes, from `begin` on. */
bool head_bytes_whole(const struct head_bytes *head, size_t *ret_length);
