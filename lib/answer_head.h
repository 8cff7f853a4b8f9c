/* The head of an answer, line by line: the part that is worth keeping. Text for people is free of
 * secrets, even if the upstream echoes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_HEADER_NAMES_MAX 512
#define ANSWER_CONTENT_TYPE_MAX 64
#define ANSWER_HOST_MAX         128

struct answer_head {
        bool whole;    /* the empty line behind it came */
        bool networks; /* see answer_kind_header_is_networks() */
        bool has_retry_after, has_date;
        bool coded; /* a Transfer-Encoding other than chunked: the body is to be decoded */

        /* For reading, not to be shown. */
        char retry_after[64];
        char date[64];

        /* Printable ASCII, with "[hidden]" for what could be secret; "" if there was none. */
        char content_type[ANSWER_CONTENT_TYPE_MAX]; /* without parameters */
        char header_names[ANSWER_HEADER_NAMES_MAX]; /* "date, server, ...", in lower case */
        char redirect_host[ANSWER_HOST_MAX];        /* of Location; "" as well where it is no host name */
};

/* Takes a line in, its end included or not. A status line begins a new head, as what a proxy or an interim
 * answer said does not count. The n hidden texts are as for redact(). */
void answer_head_take(struct answer_head *head, const char *line, size_t length, const char *const *hidden,
                      size_t n_hidden);
