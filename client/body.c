/* Body: a byte buffer with a ceiling. It grows by copying and wiping, since realloc() would leave the old
 * bytes, and with them perhaps a token, in freed memory. */
#include "client/body.h"

#include <errno.h>

#define BODY_FIRST_SIZE 1024

void body_clear(struct body *body)
{
        if (body->data) {
                explicit_bzero(body->data, body->allocated);
        }
        free(body->data);
        *body = BODY_INIT(body->max);
}

static int body_grow(struct body *body, size_t needed)
{
        size_t allocated = MAX_OF(MAX_OF((size_t)BODY_FIRST_SIZE, 2 * body->allocated), needed);
        char *data;

        data = malloc(allocated);
        if (!data) {
                return -ENOMEM;
        }

        if (body->data) {
                memcpy(data, body->data, body->length);
                explicit_bzero(body->data, body->allocated);
        }
        free(body->data);
        body->data = data;
        body->allocated = allocated;
        return 0;
}

int body_append(struct body *body, const char *data, size_t length)
{
        int r;

        if (length > body->max - body->length) {
                return -EMSGSIZE;
        }

        if (body->length + length + 1 > body->allocated) {
                r = body_grow(body, body->length + length + 1);
                if (r < 0) {
                        return r;
                }
        }

        memcpy(body->data + body->length, data, length);
        body->length += length;
        body->data[body->length] = '\0';
        return 0;
}
