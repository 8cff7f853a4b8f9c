/* upload_body: the files in one request's body while they come in. */
#pragma once

#include "simulator/portal/uploads.h"

#include <stddef.h>

/* Longer files are refused, and so are more of them in one request. */
#define UPLOAD_SIZE_MAX  (UINT64_C(64) * 1024 * 1024)
#define UPLOAD_FILES_MAX 100

struct upload_body;

/* Makes one for a request of this Content-Type, which the caller frees. Its fault is reported at the
 * end. Returns 0, -ENOMEM or -EIO. */
int upload_body_new(struct upload_body **ret, const char *content_type);
struct upload_body *upload_body_free(struct upload_body *body);

/* The next bytes. Returns 0, or a negative errno when the simulator itself fails. */
int upload_body_take(struct upload_body *body, const char *bytes, size_t size);

/* No more bytes come. Returns the files, in their order, which stay the body's until they are taken out of
 * the list; or NULL with the status and the message (a constant) of an error answer. */
struct uploads *upload_body_finish(struct upload_body *body, unsigned *reterr_status,
                                   const char **reterr_message);
