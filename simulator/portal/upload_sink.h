/* upload_sink: files that come in as a request's body. */
#pragma once

#include "simulator/portal/uploads.h"

struct request;

/* Reads the request's body as files from now on. Returns 0, -ENOMEM or -EIO. */
int upload_sink_begin(struct request *request);

/* The files of a body that has been read, which stay its own until they are taken out of the list; or NULL
 * with an error answer's status and message. */
struct uploads *upload_sink_finish(struct request *request, unsigned *reterr_status,
                                   const char **reterr_message);
