/* token_endpoint: POST /rest/v1/app/session/token, in two steps: judge the request, then grant or refuse. */
#pragma once

#include "simulator/answer.h"
#include "simulator/environment.h"

#include <stdint.h>

struct request;

/* The request, and the answer that it deserves. */
struct token_request {
        unsigned status; /* 200: a token */
        int64_t code;
        const char *message; /* of an error; a constant */
        int64_t asked_sec;   /* 0: no lifetime was named */
        char *key_id;        /* the application ID as sent, or NULL */
};

/* Judges the request without changing anything. The caller ends it with token_request_done(). Returns 0 or
 * -ENOMEM. */
int token_endpoint_check(const struct environment *environment, const struct request *request,
                         struct token_request *ret);
void token_request_done(struct token_request *asked);

/* Issues a token, bent by a fault of the grant stage; any other fault, or NULL, is left alone. Returns 0 or
 * a negative errno. */
int token_endpoint_grant(struct environment *environment, const struct token_request *asked,
                         const struct fault *fault, struct answer **ret);

/* The error answer for a request that deserves no token. Returns 0 or -ENOMEM. */
int token_endpoint_refuse(const struct token_request *asked, struct answer **ret);
