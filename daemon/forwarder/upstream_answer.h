/* The head of the upstream's answer, line by line as libcurl hands it on: which part of it is passed on, and
 * whether it may be. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed at first. */
struct upstream_answer {
        bool whole; /* all of the final answer's head is here; later lines are no head */
        bool odd;   /* it promises a body where there is none: the connection is not to be used again */
        unsigned status;
        bool has_length, chunked;
        int64_t content_length; /* -1: not told */
        char *lines;            /* to be passed on, each with CR and LF */
        size_t length;

        /* its own */
        bool old; /* HTTP/1.0 */
        bool has_encoding;
        bool has_options; /* Connection names headers */
        size_t size;
        size_t n_bytes; /* of all heads and what else came as a header */
};

void upstream_answer_clear(struct upstream_answer *answer);

/* One line with its end, as libcurl passes it. Lines of interim answers and trailers are taken and dropped.
 * 1: with this one the final head is whole. 0: there is more to come. -EBADMSG: it is not to be passed on;
 * *reterr_why says why, as a part of a sentence. -ENOMEM. */
int upstream_answer_take(struct upstream_answer *answer, const char *line, size_t length,
                         const char **reterr_why);

/* Is its end told by nothing but the end of the connection? Once it is whole. */
bool upstream_answer_until_close(const struct upstream_answer *answer, bool to_head);
