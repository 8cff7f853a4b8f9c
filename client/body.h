/* Body: the bytes of an answer, with a ceiling from birth. It may hold a token, so what is let go is wiped.
 */
#pragma once

#include "lib/util.h"

struct body {
        char *data; /* ends with '\0' once anything was added; NULL before */
        size_t length;
        size_t allocated;
        size_t max;
};

/* An empty body that takes at most max bytes. */
#define BODY_INIT(max_bytes) ((struct body){ .max = (max_bytes) })

/* Adds bytes. -EMSGSIZE beyond the ceiling, -ENOMEM. */
int body_append(struct body *body, const char *data, size_t length);

/* Wipes and releases the bytes; the body is empty and can be used again. */
void body_clear(struct body *body);
