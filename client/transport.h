/* Transport: one HTTP request to a local daemon and its answer, over a connection that is kept. Knows
 * nothing of what they mean. */
#pragma once

#include "client/address.h"
#include "client/body.h"
#include "client/reply.h"
#include "client/trouble.h"

#define ANSWER_BODY_MAX ((size_t)1024 * 1024)

struct transport;

struct request {
        const char *path;      /* with its query */
        const char *post_body; /* JSON; NULL for GET */
        unsigned timeout_sec;  /* for the whole exchange */
        const char *etag;      /* answer 304 as long as it is still this one; NULL, "": do not */
        const int *stop_fd;    /* can be read: the answer is waited for no longer; NULL: there is none */
};

struct answer {
        unsigned status;
        bool is_json; /* by its Content-Type */
        unsigned retry_after_sec;
        char etag[REPLY_ETAG_MAX + 1]; /* "": none */
        int connect_errno;             /* positive; why no connection came about */
        bool out_of_memory;
        struct body body;
};

/* client_name must have been checked: it becomes a header. -ENOMEM. */
int transport_new(struct transport **ret_transport, const char *client_name);
/* NULL is fine; returns NULL. */
struct transport *transport_free(struct transport *transport);

/* Sends the request and reads the answer, whatever its status. A GET is sent once more if the connection
 * breaks: a restarting daemon may drop a connection that it had not answered yet.
 *
 * -ECONNREFUSED, -EACCES: no connection, answer->connect_errno says why and nothing was sent.
 * -ETIMEDOUT, -ECONNRESET, -EPROTO (not HTTP, or too long), -EINTR (by stop_fd), -ENOMEM.
 * On failure the trouble is set. The answer is written in any case; give it to answer_clear(). */
int transport_perform(struct transport *transport, const struct address *address,
                      const struct request *request, struct answer *answer, struct trouble *trouble);

/* Wipes and releases what the answer holds. */
void answer_clear(struct answer *answer);
