/* multipart: reads multipart/form-data (RFC 7578) as it arrives, in memory that does not grow with it. It
 * knows nothing of HTTP and of the simulator. */
#pragma once

#include "simulator/portal/multipart_head.h"

#include <stdbool.h>
#include <stddef.h>

#define MULTIPART_BOUNDARY_MAX 200

/* Called in the order of the bytes: a begin, any number of data, an end for each part. Any result but 0 ends
 * the reading and is passed on. */
struct multipart_handlers {
        int (*begin)(const struct multipart_part *part, void *userdata);
        int (*data)(const char *bytes, size_t size, void *userdata);
        int (*end)(void *userdata);
};

struct multipart;

/* Makes a reader, which the caller frees. Returns 0, -ENOMEM, or -EINVAL for a boundary that is empty,
 * longer than MULTIPART_BOUNDARY_MAX or has a line feed in it. */
int multipart_new(struct multipart **ret, const char *boundary, const struct multipart_handlers *handlers,
                  void *userdata);
struct multipart *multipart_free(struct multipart *multipart);
void multipart_freep(struct multipart **multipart);

/* Reads the next bytes. Returns 0, -EBADMSG for a head that is none, -E2BIG for one that is too long, or
 * what a handler returned. After an error it must not be called again. */
int multipart_read(struct multipart *multipart, const char *bytes, size_t size);

/* Whether the closing boundary has been read. */
bool multipart_is_complete(const struct multipart *multipart);
