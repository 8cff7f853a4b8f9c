/* Do the texts of a request's head account for all of its bytes?
 *
 * Between two headers lie the end of a line (CR and LF, which libmicrohttpd has overwritten with NULs) and
 * nothing else; behind the last one the end of its line and an empty line. All pointers are into the one
 * buffer that the head was read into, which goes on for more than four bytes behind any text of it: that is
 * where libmicrohttpd keeps its own notes on the headers. */
#include "daemon/frontend/http/head_bytes.h"

#include <microhttpd.h>
#include <string.h>

#define END_LENGTH 4 /* of the last header's line, and of the empty one */

/* Only the versions 0.9.x leave bytes over. */
static bool library_is_careless(void)
{
        return strncmp(MHD_get_version(), "0.", strlen("0.")) == 0;
}

static bool ends_line(char byte)
{
        return byte == '\0' || byte == '\r' || byte == '\n';
}

void head_bytes_line(struct head_bytes *head, const char *method, const char *target, size_t target_length,
                     const char *version)
{
        *head = (struct head_bytes){ .begin = method, .end = version + strlen(version) };
        head->odd = target != method + strlen(method) + 1 || version != target + target_length + 1;
}

void head_bytes_header(struct head_bytes *head, const char *name, const char *value)
{
        /* A header without a value has no text for it; then the end of its line is not known. */
        if (!head->end || !value || name != head->end + 2 || !ends_line(head->end[0]) ||
            !ends_line(head->end[1])) {
                head->odd = true;
        }
        head->end = value ? value + strlen(value) : NULL;
        head->n_headers++;
}

bool head_bytes_whole(const struct head_bytes *head, size_t *ret_length)
{
        if (head->odd || !head->end) {
                return false;
        }
        for (size_t i = 0; i < END_LENGTH; i++) {
                if (!ends_line(head->end[i])) {
                        return false;
                }
        }
        *ret_length = (size_t)(head->end - head->begin) + END_LENGTH;
        return true;
}

bool head_bytes_sound(const struct head_bytes *head, size_t size)
{
        size_t length;

        return !library_is_careless() || (head_bytes_whole(head, &length) && length == size);
}
