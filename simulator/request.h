/* request: one HTTP request, from its first line until its answer is sent or given up. */
#pragma once

#include "simulator/answer.h"
#include "simulator/digest.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

enum request_phase {
        REQUEST_READING,   /* head and body are coming in */
        REQUEST_WAITING,   /* answer decided; suspended for its delay */
        REQUEST_ANSWERING, /* the answer is on its way; suspended between two dripped bytes */
        REQUEST_HANGING,   /* suspended for good */
        REQUEST_ABANDONED, /* the connection is to be closed */
};

/* A connection, as libmicrohttpd's socket context. */
struct http_connection {
        int fd;                            /* libmicrohttpd's */
        bool busy;                         /* a request has begun and has not ended */
        TAILQ_ENTRY(http_connection) link; /* the server's list */
};

/* The common part of the requests of one server. */
struct request_home {
        sd_event *event;
        size_t body_max; /* so much of a body is kept for reading */
        TAILQ_HEAD(, request) suspended;
        /* One was resumed: libmicrohttpd is to look at its connections soon. */
        void (*resumed)(void *userdata);
        void *userdata;
};

/* The receiver of the bytes of a body in place of the request. */
struct request_sink {
        /* Returns 0, or a negative errno, which closes the connection. */
        int (*take)(struct request_sink *sink, const char *bytes, size_t size);
        void (*release)(struct request_sink *sink);
};

struct request {
        /* For everybody to read. */
        char *method;
        char *path;                 /* as sent, not decoded, without the query */
        const char *query;          /* as sent, without the "?"; empty if there is none */
        char *body;                 /* the first body_max bytes and a NUL, or NULL if there was none */
        size_t body_size;           /* bytes in `body` */
        uint64_t body_bytes;        /* bytes that came */
        struct digest *body_digest; /* NULL if none came, or a sink took it */

        /* Set when the head has been read, and left alone then: how the body is to be taken. */
        struct request_sink *sink; /* the request's own, or NULL: the body is kept and digested */
        uint64_t pace_bytes;       /* so many bytes at a time are taken, */
        uint64_t pace_usec;        /* and none for so long behind them; 0: as they come */
        bool is_cut;               /* the connection ends when this many bytes of the body have come, */
        uint64_t cut_bytes;        /* or when it is there */
        bool cut_politely;         /* by a close, not by a reset */
        const char *fault;         /* the fault that did so, a constant, or NULL */

        /* request.c's, delivery.c's and http_server.c's own. */
        struct request_home *home;
        struct MHD_Connection *mhd;
        struct http_connection *connection;
        enum request_phase phase;
        struct answer *answer;
        bool byte_due; /* dripping: the next byte may go */
        bool suspended;
        sd_event_source *timer;    /* ends the suspension */
        sd_event_source *watch;    /* sees the client go meanwhile */
        TAILQ_ENTRY(request) link; /* request_home::suspended */
};

/* Makes a request, which the caller frees; the connection and its home must outlive it. NULL without memory.
 */
struct request *request_new(struct request_home *home, struct MHD_Connection *mhd,
                            struct http_connection *connection, const char *uri);
struct request *request_free(struct request *request);

/* The next bytes of its body. Returns 0 or a negative errno. */
int request_take_body(struct request *request, const char *data, size_t size);

/* The first header field of the name, or NULL; belongs to the request. *ret_size may be NULL. */
const char *request_header(const struct request *request, const char *name, size_t *ret_size);

/* Whether more came than was kept. */
bool request_body_is_over(const struct request *request);

/* Suspends the connection until the time has passed (USEC_NEVER: for good) or the client goes away, which
 * abandons the request. Only within a callback of libmicrohttpd. Returns 0 or a negative errno. */
int request_suspend(struct request *request, uint64_t wait_usec);

/* Resumes all suspended requests, or the hanging ones only, as abandoned, so that their connections are
 * closed. */
void request_abandon_all(struct request_home *home, bool only_hanging);
