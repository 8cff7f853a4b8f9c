/* upload_sink: joins an upload_body and a request. */
#include "simulator/portal/upload_sink.h"

#include "lib/util.h"
#include "simulator/portal/upload_body.h"
#include "simulator/request.h"

#include <errno.h>

struct upload_sink {
        struct request_sink sink;
        struct upload_body *body;
};

static int take(struct request_sink *sink, const char *bytes, size_t size)
{
        return upload_body_take(container_of(sink, struct upload_sink, sink)->body, bytes, size);
}

static void release(struct request_sink *sink)
{
        struct upload_sink *upload = container_of(sink, struct upload_sink, sink);

        upload_body_free(upload->body);
        free(upload);
}

int upload_sink_begin(struct request *request)
{
        _cleanup_free_ struct upload_sink *upload = calloc(1, sizeof(*upload));
        int r;

        if (!upload) {
                return -ENOMEM;
        }
        upload->sink = (struct request_sink){ .take = take, .release = release };
        r = upload_body_new(&upload->body, request_header(request, "Content-Type", NULL));
        if (r < 0) {
                return r;
        }
        request->sink = &take_ptr(upload)->sink;
        return 0;
}

struct uploads *upload_sink_finish(struct request *request, unsigned *reterr_status,
                                   const char **reterr_message)
{
        if (!request->sink) {
                /* The token was not good when the body began to come. */
                *reterr_status = 401;
                *reterr_message = "The session token is missing or not valid";
                return NULL;
        }
        return upload_body_finish(container_of(request->sink, struct upload_sink, sink)->body, reterr_status,
                                  reterr_message);
}
