/* request: one HTTP request, from its first line until its answer is sent or given up. */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "simulator/answer.h"
#include "simulator/digest.h"
#include "simulator/http_server.h"

enum request_phase {
        REQUEST_READING,   /* head and body are coming in */
        REQUEST_WAITING,   /* answer decided; suspended for its delay */
        REQUEST_ANSWERING, /* the answer is on its way; suspended between two dripped bytes */
        REQUEST_HANGING,   /* suspended for good */
        REQUEST_ABANDONED, /* the connection is to be closed */
};

struct request {
        /* For everybody to read. */
        char *method;
        char *path;                 /* as sent, not decoded, without the query */
        const char *query;          /* as sent, without the "?"; empty if there is none */
        char *body;                 /* the first body_max bytes and a NUL, or NULL if there was none */
        size_t body_size;           /* bytes in `body` */
        uint64_t body_bytes;        /* bytes that came */
        struct digest *body_digest; /* NULL if none came */

        /* request.c's and delivery.c's own. */
        struct http_server *server;
        struct MHD_Connection *mhd;
        struct http_connection *connection;
        enum request_phase phase;
        struct answer *answer;
        bool byte_due; /* dripping: the next byte may go */
        bool suspended;
        sd_event_source *timer;    /* ends the suspension */
        sd_event_source *watch;    /* sees the client go meanwhile */
        TAILQ_ENTRY(request) link; /* http_server::suspended */
};

/* The first header field of the name, or NULL; belongs to the request. *ret_size may be NULL. */
const char *request_header(const struct request *request, const char *name, size_t *ret_size);

/* Whether more came than was kept. */
bool request_body_is_over(const struct request *request);

/* Suspends the connection until the time has passed (USEC_NEVER: for good) or the client goes away, which
 * abandons the request. Only within a callback of libmicrohttpd. Returns 0 or a negative errno. */
int request_suspend(struct request *request, uint64_t wait_usec);

/* Resumes the server's suspended requests as abandoned, so that their connections are closed. */
void request_abandon_all(struct http_server *server, bool only_hanging);

/* libmicrohttpd's callbacks; `cls` is the http_server. */
void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *data, size_t *data_size, void **context);
void request_end(void *cls, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode code);
