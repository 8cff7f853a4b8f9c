/* Requests that are handled before their body is there: looked at, or refused, by their head alone; their
 * body goes on piece by piece, and is never here as a whole.
 *
 * libmicrohttpd takes no answer while a body arrives. An early answer is sent after
 * it: the rest is taken in and dropped, within bounds. */
#pragma once

#include "daemon/frontend/http/connection.h"

/* The return value for libmicrohttpd. */
enum early {
        EARLY_MORE,    /* go on */
        EARLY_SUSPEND, /* the request waits */
        EARLY_ANSWER,  /* the answer is to be queued */
        EARLY_END,     /* the connection is to end */
};

/* Handles a call of libmicrohttpd's about a request whose phase is not REQUEST_WHOLE: with a piece of its
 * body, of which *size bytes are left afterwards; with none of it before its beginning and after its end. */
enum early early_step(struct request *request, const char *data, size_t *size,
                      void (*on_request)(struct request *request, uint64_t now_usec, void *userdata),
                      void *userdata);

/* Has nothing come of a body for too long, or too much of one that nobody wants? Then the client is told
 * that, or what it was answered, past libmicrohttpd. To be called before the connection ends. */
void early_stalled(struct connection *connection);

/* How long a body or an answer may go without a byte. */
#define EARLY_QUIET_USEC (60 * USEC_PER_SEC)
