/* answer: the answer to a request, and how it is sent. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum delivery {
        DELIVERY_WHOLE,
        DELIVERY_DRIP,     /* the body drip_bytes per interval_usec */
        DELIVERY_TRUNCATE, /* half of the body, then the connection is closed */
        DELIVERY_GIANT,    /* filler_bytes of filler instead of the body */
        DELIVERY_HANG,     /* nothing, ever */
        DELIVERY_RESET,    /* a TCP reset */
        DELIVERY_CLOSE,    /* the end of the connection, without an answer */
        DELIVERY_GARBAGE,  /* bytes that are no HTTP, then the connection is closed */
};

struct answer {
        unsigned status;
        struct json_object *json; /* the body until it is written out, or NULL */
        char *body;               /* the body as text, or NULL */
        size_t size;
        const char *content_type; /* a constant */
        char *allow;              /* the header fields of these names, or NULL */
        char *retry_after;
        char *location;
        struct json_object
                *headers; /* more of them, name to value, or NULL; one of a name above goes in its place */
        enum delivery delivery;
        uint64_t delay_usec; /* to wait before anything is sent */
        uint64_t interval_usec;
        uint64_t drip_bytes;
        uint64_t filler_bytes;
        bool chunked; /* the filler comes without a Content-Length */
        bool close;   /* no keep-alive after this one */
};

/* All make an answer that the caller frees. */

/* One with a JSON body, which is consumed in any case; NULL means that making it failed. Returns 0 or
 * -ENOMEM. */
int answer_new_json(struct answer **ret, unsigned status, struct json_object *json);

/* One with a text as body, or without a body when it is NULL. Returns 0 or -ENOMEM. */
int answer_new_text(struct answer **ret, unsigned status, const char *content_type, const char *text);

/* An error of the API's shape: {"code": N, "message": "..."}. Returns 0 or -ENOMEM. */
int answer_new_error(struct answer **ret, unsigned status, int64_t code, const char *message);

/* Writes the JSON out into the body. Returns 0 or -ENOMEM. */
int answer_render(struct answer *answer);

struct answer *answer_free(struct answer *answer);
void answer_freep(struct answer **answer);
