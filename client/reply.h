/* Reply: the head of an HTTP answer, as eqp-brokerd sends them. Anything that might be read in two ways is
 * refused. Pure. */
#pragma once

#include "lib/util.h"

#define REPLY_HEAD_MAX 16384
#define REPLY_ETAG_MAX 64

struct reply {
        unsigned status;          /* 100 to 999 */
        bool is_json;             /* by its Content-Type */
        bool closes;              /* the connection ends behind it */
        bool has_length;          /* else the body goes on until the connection ends */
        uint64_t length;          /* of the body */
        unsigned retry_after_sec; /* at most a day; 0: none that makes sense */
        unsigned n_etags;
        char etag[REPLY_ETAG_MAX + 1]; /* with its quotes; "": none, or none that makes sense */
};

/* Reads a head from its beginning: how long it is, with its empty line; 0: it is not all there yet. -EPROTO:
 * it is none. */
ssize_t reply_read(const char *bytes, size_t length, struct reply *ret);
