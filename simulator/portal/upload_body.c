/* upload_body: the files in one request's body while they come in: read, counted, digested, dropped. A fault
 * of the body is remembered, and the rest of it let pass, so that the client sees the answer. */
#include "simulator/portal/upload_body.h"

#include "lib/util.h"
#include "simulator/portal/multipart_head.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define FORM_DATA "multipart/form-data"

struct upload_body {
        struct multipart *reader; /* NULL once something is wrong */
        struct digest *digest;    /* of the file that is coming in */
        struct upload *upload;    /* that file */
        struct uploads files;     /* those before it */
        unsigned status;          /* of the error answer; 0: nothing is wrong */
        const char *message;
};

static void refuse(struct upload_body *body, unsigned status, const char *message)
{
        body->status = status;
        body->message = message;
}

static int on_begin(const struct multipart_part *part, void *userdata)
{
        struct upload_body *body = userdata;
        int r;

        if (!streq(part->name, "file[]")) {
                refuse(body, 400, "The name of each part must be file[]");
                return -EBADMSG;
        }
        if (body->files.count == UPLOAD_FILES_MAX) {
                refuse(body, 400, "There are more than 100 files in one request");
                return -EBADMSG;
        }
        r = upload_new(&body->upload);
        if (r < 0) {
                return r;
        }
        r = digest_new_md5(&body->digest);
        if (r < 0) {
                return r;
        }
        (void)snprintf(body->upload->filename, sizeof(body->upload->filename), "%s",
                       part->filename[0] ? part->filename : "file");
        (void)snprintf(body->upload->content_type, sizeof(body->upload->content_type), "%s",
                       part->content_type[0] ? part->content_type : "application/octet-stream");
        return 0;
}

static int on_data(const char *bytes, size_t size, void *userdata)
{
        struct upload_body *body = userdata;

        if (size > UPLOAD_SIZE_MAX - body->upload->size) {
                refuse(body, 413, "The file is longer than 64 MiB");
                return -EBADMSG;
        }
        body->upload->size += size;
        return digest_add(body->digest, bytes, size);
}

static int on_end(void *userdata)
{
        struct upload_body *body = userdata;
        int r;

        r = digest_finish(body->digest, body->upload->md5);
        if (r < 0) {
                return r;
        }
        body->digest = digest_free(body->digest);
        uploads_add(&body->files, take_ptr(body->upload));
        return 0;
}

static bool is_form_data(const char *content_type)
{
        size_t length = strlen(FORM_DATA);

        return content_type && strncasecmp(content_type, FORM_DATA, length) == 0 &&
               strchr("; \t", content_type[length]);
}

static void body_freep(struct upload_body **body)
{
        *body = upload_body_free(*body);
}

int upload_body_new(struct upload_body **ret, const char *content_type)
{
        static const struct multipart_handlers handlers = { on_begin, on_data, on_end };
        _cleanup_(body_freep) struct upload_body *body = calloc(1, sizeof(*body));
        char boundary[MULTIPART_BOUNDARY_MAX + 1];
        int r;

        if (!body) {
                return -ENOMEM;
        }
        uploads_init(&body->files);
        if (!is_form_data(content_type)) {
                refuse(body, 400, "The Content-Type must be multipart/form-data");
        } else if (multipart_parameter(content_type, "boundary", boundary, sizeof(boundary)) < 0) {
                refuse(body, 400, "The Content-Type must have a boundary of at most 200 characters");
        } else {
                r = multipart_new(&body->reader, boundary, &handlers, body);
                if (r == -EINVAL) {
                        refuse(body, 400, "The boundary must not be empty");
                } else if (r < 0) {
                        return r;
                }
        }

        *ret = take_ptr(body);
        return 0;
}

struct upload_body *upload_body_free(struct upload_body *body)
{
        if (!body) {
                return NULL;
        }

        multipart_free(body->reader);
        digest_free(body->digest);
        upload_free(body->upload);
        uploads_clear(&body->files);
        free(body);
        return NULL;
}

int upload_body_take(struct upload_body *body, const char *bytes, size_t size)
{
        int r;

        if (!body->reader) {
                return 0;
        }
        r = multipart_read(body->reader, bytes, size);
        if (r == 0 || (r != -EBADMSG && r != -E2BIG)) {
                return r;
        }
        if (body->status == 0) {
                refuse(body, 400,
                       r == -E2BIG ? "The head of a part is too long" : "The head of a part is malformed");
        }
        body->reader = multipart_free(body->reader);
        return 0;
}

struct uploads *upload_body_finish(struct upload_body *body, unsigned *reterr_status,
                                   const char **reterr_message)
{
        if (body->status == 0 && !multipart_is_complete(body->reader)) {
                refuse(body, 400, "The body ends before its closing boundary");
        }
        if (body->status == 0 && body->files.count == 0) {
                refuse(body, 400, "There is no file in the body");
        }
        if (body->status == 0) {
                return &body->files;
        }
        *reterr_status = body->status;
        *reterr_message = body->message;
        return NULL;
}
